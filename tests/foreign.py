"""What somebody else may write to a topic, and kafka-python does not: batches as bytes."""

from collections.abc import Sequence

from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from kafka.record.util import calc_crc32c

Header = tuple[str, bytes | None]
SNAPPY = DefaultRecordBatch.CODEC_SNAPPY
_MUCH = 1 << 30


class Latin(str):
    """The name of a header that is not UTF-8 on the wire."""

    __slots__ = ()

    def encode(self, _encoding: str = "", _errors: str = "") -> bytes:
        return super().encode("latin-1")


def a_batch(
    *values: bytes, codec: int = 0, headers: Sequence[Header] = (), base: int = 0, places: Sequence[int] = ()
) -> bytes:
    """Return a batch whose records have these values and headers, the first at offset `base`.

    With `places` each says of itself that it is so far behind that.
    """
    builder = DefaultRecordBatchBuilder(2, codec, False, -1, -1, -1, _MUCH)
    for number, value in enumerate(values):
        assert builder.append(places[number] if places else number, 1_000, b"k", value, list(headers)) is not None
    builder._last_offset = len(values) - 1
    return base.to_bytes(8, "big") + bytes(builder.build())[8:]


def said_to_be(codec: int, batch: bytes) -> bytes:
    """Return a batch that says it is compressed so, whatever it is, with a checksum that holds."""
    said = bytearray(batch)
    said[DefaultRecordBatch.ATTRIBUTES_OFFSET + 1] = codec
    sum_at = DefaultRecordBatch.CRC_OFFSET
    said[sum_at : sum_at + 4] = calc_crc32c(memoryview(said)[DefaultRecordBatch.ATTRIBUTES_OFFSET :]).to_bytes(4, "big")
    return bytes(said)


def as_zstd(builder: DefaultRecordBatchBuilder) -> bool:
    """Compress a builder's records as Zstandard does at its least: a frame of one raw block (RFC 8878, 3.1.1)."""
    start = DefaultRecordBatch.HEADER_STRUCT.size
    data = bytes(builder._buffer[start:])
    assert len(data) < 128 << 10, "the longest block"
    magic, single_segment = b"\x28\xb5\x2f\xfd", b"\xa0"
    last_block = (len(data) << 3 | 1).to_bytes(3, "little")
    builder._buffer[start:] = magic + single_segment + len(data).to_bytes(4, "little") + last_block + data
    builder._compression_type = DefaultRecordBatch.CODEC_ZSTD
    return True
