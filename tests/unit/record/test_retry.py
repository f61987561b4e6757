"""Dead letters are sent to their topics again, each different one once, and what cannot be says why."""

from collections.abc import Iterator

import pytest

from sitemon.model.errors import UnreachableError
from sitemon.model.marks import Published, encode_mark
from sitemon.model.result import encode
from sitemon.model.schedule import Ended, encode_event
from sitemon.record.retry import Fate, Retried, Retry
from sitemon.stream.dead_letters import DeadLetter, Kept
from sitemon.stream.in_memory import MemoryBroker, MemoryProducer
from sitemon.stream.producer import Delivery, Record
from sitemon.stream.topics import Topics
from tests.results import a_result

TOPICS = Topics("t.results", "t.schedule", "t.dead-letters", "t.marks", "t.status")
GOOD = encode(a_result())
EVENT = Ended(site="blog", region="default", at_ms=3, token=1, sequence=2)
MARK = Published(publisher="host:1", up_to_ms=5, made=2)


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker(TOPICS)


def letter(
    value: bytes | None = GOOD,
    *,
    number: int = 0,
    key: bytes | None = b"shop",
    topic: str = TOPICS.results,
    offset: int = 41,
    truncated: str = "",
    value_bytes: int | None = None,
) -> Kept:
    inner = DeadLetter(key, value, "unknown_version", topic, 0, offset, truncated)
    return Kept(0, number, 1_000, value_bytes or (None if value is None else len(value)), inner)


def retried(broker: MemoryBroker, *letters: Kept) -> list[Retried]:
    return list(Retry(TOPICS, lambda: MemoryProducer(broker), are_named=True).run(letters))


def test_a_letter_goes_to_its_topic_with_its_key_and_value(broker: MemoryBroker) -> None:
    one = letter(key=b"\xffshop")
    assert retried(broker, one) == [Retried(one, Fate.SENT)]
    assert [(message.key, message.value) for message in broker.messages(TOPICS.results)] == [(b"\xffshop", GOOD)]


def test_many_letters_all_arrive(broker: MemoryBroker) -> None:
    letters = [letter(encode(a_result(minute=n)), number=n) for n in range(1_234)]
    assert {one.fate for one in retried(broker, *letters)} == {Fate.SENT}
    assert len(broker.messages(TOPICS.results)) == 1_234


def test_copies_are_sent_once(broker: MemoryBroker) -> None:
    fates = [one.fate for one in retried(broker, letter(), letter(number=1), letter(number=2, key=b"other"))]
    assert fates == [Fate.SENT, Fate.COPY, Fate.SENT]
    assert len(broker.messages(TOPICS.results)) == 2


def test_the_same_letter_twice_is_sent_once(broker: MemoryBroker) -> None:
    assert [one.fate for one in retried(broker, letter(), letter())] == [Fate.SENT, Fate.COPY]
    assert len(broker.messages(TOPICS.results)) == 1


@pytest.mark.parametrize(
    ("one", "problem"),
    [
        (letter(None), "there is no value in it"),
        (
            letter(truncated="20000000 abc", value_bytes=20_000_000),
            "only the first {} of its 20,000,000 bytes were kept",
        ),
        (letter(topic=""), "it came from nowhere, which is not recorded"),
        (letter(topic="__consumer_offsets"), "it came from __consumer_offsets, which is not recorded"),
    ],
    ids=["tombstone", "truncated", "foreign", "another topic"],
)
def test_what_can_never_be_sent_again_says_why(broker: MemoryBroker, one: Kept, problem: str) -> None:
    ((_, fate, said),) = retried(broker, one)
    assert fate is Fate.STAYS
    assert said.startswith(problem.format(len(GOOD)))
    assert all(log == [] for log in broker.logs.values())


@pytest.mark.parametrize(
    ("topic", "key", "value"),
    [
        (TOPICS.schedule, EVENT.key, encode_event(EVENT)),
        (TOPICS.marks, MARK.key, encode_mark(MARK)),
    ],
)
def test_what_came_from_schedule_or_marks_goes_back_there(
    broker: MemoryBroker, topic: str, key: str, value: bytes
) -> None:
    one = letter(value, key=key.encode(), topic=topic)
    assert retried(broker, one) == [Retried(one, Fate.SENT)]
    assert [(message.key, message.value) for message in broker.messages(topic)] == [(key.encode(), value)]


def test_what_says_that_it_came_from_schedule_or_marks_goes_there_only_by_its_number(broker: MemoryBroker) -> None:
    forged = encode_event(Ended(site="blog", region="default", at_ms=3, token=2**62, sequence=2))
    letters = [
        letter(forged, key=EVENT.key.encode(), topic=TOPICS.schedule),
        letter(number=1),
        letter(encode_mark(MARK), number=2, key=MARK.key.encode(), topic=TOPICS.marks),
        letter(None, number=3, topic=TOPICS.schedule),
    ]
    found = list(Retry(TOPICS, lambda: MemoryProducer(broker), are_named=False).run(letters))
    assert [one.fate for one in found] == [Fate.NOT_NAMED, Fate.SENT, Fate.NOT_NAMED, Fate.STAYS]
    assert [len(broker.messages(topic)) for topic in (TOPICS.schedule, TOPICS.marks, TOPICS.results)] == [0, 0, 1]


def test_one_that_kafka_never_takes_holds_up_no_other(broker: MemoryBroker) -> None:
    big = letter(GOOD[:-1] + b',"padding":"' + b"x" * (1 << 20) + b'"}', number=1)
    fates = retried(broker, letter(), big, letter(encode(a_result("blog")), number=2))
    assert [one.fate for one in fates] == [Fate.SENT, Fate.STAYS, Fate.SENT]
    assert fates[1].problem.startswith("too_large")
    assert {GOOD, encode(a_result("blog"))} == {message.value for message in broker.messages(TOPICS.results)}


def test_without_an_acknowledgement_it_fails(broker: MemoryBroker) -> None:
    class NeverAcknowledged:
        def wait(self, timeout_s: float) -> bool:
            return False

    class Deaf(MemoryProducer):
        def send(self, record: Record, timeout_s: float) -> Delivery:
            return NeverAcknowledged()

    with pytest.raises(UnreachableError, match="no acknowledgement within 10 s"):
        list(Retry(TOPICS, lambda: Deaf(broker), are_named=True).run([letter()]))


def test_letters_are_taken_a_few_at_a_time_so_that_large_ones_do_not_fill_the_memory(broker: MemoryBroker) -> None:
    taken: list[Kept] = []

    def large() -> "list[Kept]":
        return [letter(bytes(8 << 20), number=n, topic="t.other") for n in range(6)]

    def noted() -> object:
        for one in large():
            taken.append(one)
            yield one

    fates = Retry(TOPICS, lambda: MemoryProducer(broker), are_named=True).run(noted())  # type: ignore[arg-type] # a generator
    next(fates)
    assert len(taken) == 2


@pytest.mark.parametrize("long", ["key", "value"])
def test_few_long_ones_are_held_at_once(broker: MemoryBroker, long: str) -> None:
    given: list[int] = []

    def letters() -> Iterator[Kept]:
        for number in range(20):
            given.append(number)
            content = {"key": b"shop", "value": GOOD} | {long: b"%d" % number + bytes(4 << 20)}
            yield letter(content["value"], key=content["key"], topic="elsewhere")

    next(Retry(TOPICS, lambda: MemoryProducer(broker), are_named=True).run(letters()))
    assert len(given) < 6
