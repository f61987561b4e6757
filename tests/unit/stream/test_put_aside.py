"""What neither a topic nor the dead letters ever take: nothing of it is lost, and nothing else waits for it."""

import pytest

from sitemon.model.errors import PoisonError, SpoolFullError
from sitemon.stream.producer import Record
from sitemon.stream.spool_folder import open_spool
from tests.unit.stream.conftest import SERVERS, TOPICS, Rig, event, eventually

LARGE = b"x" * (2 << 20)


@pytest.fixture
def without_letters(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A broker that takes no dead letters, either."""
    refusal = rig.broker.refusal

    def refuse(record: Record) -> PoisonError | None:
        return PoisonError("too_large") if record.topic == TOPICS.dead_letters else refusal(record)

    monkeypatch.setattr(rig.broker, "refusal", refuse)
    return rig


def test_what_the_dead_letters_do_not_take_either_stays_on_disk_and_all_else_is_published(
    without_letters: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    poison = [Record(TOPICS.schedule, b"big%d" % number, LARGE, (("h", b"v"),)) for number in range(2)]
    publisher = without_letters.publisher(max_bytes=8 << 20)
    publisher.publish([event("k", 1), poison[0], event("k", 2), poison[1], event("k", 3)])
    eventually(lambda: not (without_letters.folder / "spool-0.db").exists())
    assert list(dict.fromkeys(without_letters.values())) == [b"1", b"2", b"3"]
    aside = without_letters.folder / "spool-0.refused"
    said = [entry.getMessage() for entry in caplog.records if entry.getMessage().startswith("drain.put_aside")]
    assert [line.endswith(f"it stays in {aside}") for line in said] == [True, True]


def test_once_they_do_its_file_is_sent_by_the_name_of_a_spool(
    without_letters: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = Record(TOPICS.schedule, b"big", LARGE, (("h", b"v"),))
    publisher = without_letters.publisher(max_bytes=8 << 20)
    publisher.publish([poison])
    aside = without_letters.folder / "spool-0.refused"
    eventually(lambda: aside.exists() and not (without_letters.folder / "spool-0.db").exists())
    publisher.close(1.0)
    monkeypatch.setattr(without_letters.broker, "refusal", lambda _: None)
    aside.rename(without_letters.folder / "spool-7.db")
    without_letters.publisher(max_bytes=8 << 20)
    eventually(without_letters.values)
    (message,) = without_letters.broker.messages(TOPICS.schedule)
    assert (message.key, message.value, message.headers) == (poison.key, poison.value, poison.headers)


def test_it_takes_its_room_from_the_spools(without_letters: Rig) -> None:
    publisher = without_letters.publisher(max_bytes=3 << 20)
    publisher.publish([Record(TOPICS.schedule, b"big", LARGE)])
    eventually(lambda: not (without_letters.folder / "spool-0.db").exists())
    spool = open_spool(without_letters.folder, 3 << 20, SERVERS)
    with pytest.raises(SpoolFullError, match="holds its"):
        spool.append([Record(TOPICS.schedule, b"big", LARGE)])
    spool.close()
