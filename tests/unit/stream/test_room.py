"""Who may take how much of the spool: slots that were shed half of it, results nine tenths, events and marks all."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from sitemon.model.errors import NoRoomError, SpoolFullError
from sitemon.model.marks import Reign
from sitemon.model.result import encode
from sitemon.model.schedule import Ended
from sitemon.stream.messenger import RESULTS_SHARE, SHED_SHARE, Messenger
from sitemon.stream.producer import Record
from sitemon.stream.publisher import Publisher
from sitemon.stream.spool import Spool
from sitemon.stream.spool_folder import open_spool
from tests.results import a_missed, a_result
from tests.unit.stream.conftest import SERVERS, TOPICS, Rig, event, eventually, in_thread

MAX = 1 << 20
REIGN = Reign(token=1, from_ms=1, until_ms=2)
ENDED = Ended(site="shop", region="eu", at_ms=1, token=1, sequence=1)


@pytest.fixture
def publisher(rig: Rig) -> Publisher:
    """A publisher whose Kafka went away."""
    publisher = rig.publisher(max_bytes=MAX)
    publisher.publish([event()])
    rig.broker.stop()
    publisher.publish([event()])
    return publisher


@pytest.fixture
def spool(rig: Rig) -> Iterator[Spool]:
    with closing(open_spool(rig.folder, MAX, SERVERS)) as spool:
        yield spool


def big(size_bytes: int) -> Record:
    return Record(TOPICS.schedule, b"k", b"x" * size_bytes)


def taken(rig: Rig) -> float:
    """The part of the bound that lies on disk."""
    return sum(file.stat().st_size for file in rig.folder.iterdir() if file.suffix != ".db-journal") / MAX


def at_end() -> bool:
    return True


def fill(rig: Rig, publish: Callable[[], None]) -> None:
    """Publish until nothing more is kept."""
    before = -1.0
    while before != taken(rig):
        before = taken(rig)
        for _ in range(5):
            publish()


def test_shed_slots_take_half_and_are_declined_at_once(
    rig: Rig, publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    messenger = Messenger(publisher, TOPICS)
    fill(rig, lambda: messenger.offer_shed([a_missed(minute=minute) for minute in range(50)], give_up=at_end))
    assert SHED_SHARE - 0.1 < taken(rig) <= SHED_SHARE + 0.02
    messenger.publish_results([a_result()])
    assert caplog.text.count("spool.declined") == 1


def test_results_leave_room_for_events_and_marks(rig: Rig, publisher: Publisher) -> None:
    messenger = Messenger(publisher, TOPICS)
    with pytest.raises(SpoolFullError):
        fill(rig, lambda: messenger.publish_results([a_result(minute=minute) for minute in range(50)], give_up=at_end))
    assert RESULTS_SHARE - 0.1 < taken(rig) <= RESULTS_SHARE + 0.02
    messenger.publish_events([ENDED], give_up=at_end)
    messenger.publish_marks([REIGN], give_up=at_end)


def test_what_was_declined_is_nowhere_and_does_not_count_as_made(rig: Rig, publisher: Publisher) -> None:
    messenger = Messenger(publisher, TOPICS)
    messenger.offer_shed([a_missed(minute=minute) for minute in range(3)], give_up=at_end)
    publisher.publish([big(MAX // 2)])
    messenger.offer_shed([a_missed(minute=minute) for minute in range(10, 15)], give_up=at_end)
    assert messenger._marker.mark().made == 3
    rig.broker.start()
    eventually(lambda: rig.values()[-1:] == [b"x" * (MAX // 2)])
    assert rig.values(TOPICS.results) == [encode(a_missed(minute=minute)) for minute in range(3)]


def test_what_kafka_may_have_got_is_kept_beyond_the_share(rig: Rig) -> None:
    publisher = rig.publisher(max_bytes=MAX)
    publisher.publish([event()])
    with closing(open_spool(rig.folder, MAX, SERVERS)) as other:
        other.append([big(MAX * 3 // 4)])
        rig.broker.stop()
        publisher.offer([event("k", 1), event("k", 2)], share=SHED_SHARE, give_up=at_end)
        with pytest.raises(NoRoomError):
            publisher.offer([event("k", 3)], share=SHED_SHARE, give_up=at_end)
        rig.broker.start()
        eventually(lambda: rig.values()[1:] == [b"1", b"2"])


def test_of_those_who_append_together_one_without_room_takes_none_of_the_others(spool: Spool) -> None:
    ids: dict[str, range] = {}
    spool.append([event()])
    with spool._disk:

        def wide() -> None:
            with pytest.raises(SpoolFullError, match="524,288 bytes"):
                spool.append([big(MAX * 6 // 10)], share=SHED_SHARE)
            ids["wide"] = range(0)

        def narrow() -> None:
            ids["narrow"] = spool.append([event("k", 1), event("k", 2)])

        threads = [in_thread(wide)]
        eventually(lambda: len(spool._queue) == 1)
        threads.append(in_thread(narrow))
        eventually(lambda: len(spool._queue) == 2)
    for thread in threads:
        thread.join(20)
    assert ids == {"wide": range(0), "narrow": range(2, 4)}
    assert spool.waiting == 3
    assert [one.record.value for one in spool.read(10)][1:] == [b"1", b"2"]
