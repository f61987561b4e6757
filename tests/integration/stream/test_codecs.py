"""What we write is compressed as it was asked for, and read back whatever that was."""

from collections.abc import Callable

import pytest
from kafka.record.default_records import DefaultRecordBatch

from sitemon.config.server_files import CODECS
from sitemon.config.servers import KafkaServer
from sitemon.stream import records
from sitemon.stream.producer import KafkaProducer, Record, send_all
from sitemon.stream.reading import read_all
from sitemon.stream.topics import ensure_topics, topics_of

NUMBERS = {"lz4": DefaultRecordBatch.CODEC_LZ4, "gzip": DefaultRecordBatch.CODEC_GZIP}
VALUES = [b"%d " % number * 100 for number in range(50)]


@pytest.mark.parametrize("codec", CODECS)
def test_what_we_write_is_compressed_as_configured(
    codec: str, kafka_server: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expanded: set[str] = set()

    def noted(name: str, expand: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
        return lambda data: expanded.add(name) or expand(data)  # type: ignore[func-returns-value] # hence the other

    for name, number in NUMBERS.items():
        monkeypatch.setitem(records._EXPAND, number, noted(name, records._EXPAND[number]))
    server = KafkaServer(client=kafka_server.client, topic=kafka_server.topic, compression_type=codec)
    ensure_topics(server, retention_days=1)
    producer = KafkaProducer(server)
    assert send_all(producer, [Record(topics_of(server).schedule, b"k", value) for value in VALUES], 10.0)
    producer.close(5.0)
    assert [message.value for message in read_all(server, topics_of(server).schedule)] == VALUES
    assert expanded == {codec} - {"none"}
