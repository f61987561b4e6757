"""A recorder stops when most of what comes cannot be recorded, and not for less."""

from collections.abc import Sequence

import pytest

from sitemon.record.batch import Rejected
from sitemon.record.dead_letter_limit import AT_LEAST, WINDOW, DeadLetterLimit, TooManyDeadLettersError
from sitemon.stream.consumer import Message
from sitemon.stream.dead_letters import DeadLetter

TOPIC = "s.results"


def messages(count: int, first: int = 0, partition: int = 0) -> list[Message]:
    return [Message(TOPIC, partition, first + number, b"k", b"v", 0) for number in range(count)]


def rejected(some: Sequence[Message], reason: str = "not_a_result") -> list[Rejected]:
    return [Rejected(message, reason, "no JSON") for message in some]


def letters(count: int, first: int = 0, partition: int = 0) -> list[DeadLetter]:
    return [DeadLetter(b"k", b"v", "not_a_result", TOPIC, partition, first + number) for number in range(count)]


def feed(limit: DeadLetterLimit, good: int, bad: int) -> None:
    batch = messages(good + bad)
    limit.check(batch, rejected(batch[good:]))


def test_a_batch_of_which_most_is_bad_stops_it() -> None:
    with pytest.raises(TooManyDeadLettersError):
        feed(DeadLetterLimit(0.5), 49, 51)


def test_at_the_limit_itself_it_goes_on() -> None:
    feed(DeadLetterLimit(0.5), 50, 50)


def test_of_too_few_messages_nothing_is_said_until_there_are_enough() -> None:
    limit = DeadLetterLimit(0.5)
    for _ in range(AT_LEAST - 1):
        feed(limit, 0, 1)
    with pytest.raises(TooManyDeadLettersError):
        feed(limit, 0, 1)


def test_a_few_bad_ones_among_many_good_ones_never_stop_it() -> None:
    limit = DeadLetterLimit(0.5)
    for _ in range(500):
        feed(limit, 6, 4)


def test_what_is_older_than_the_window_counts_no_more() -> None:
    limit = DeadLetterLimit(0.5)
    feed(limit, 20_000, 0)
    for _ in range(WINDOW - 1):
        feed(limit, 0, 1)
    with pytest.raises(TooManyDeadLettersError):
        feed(limit, 0, 1)


def test_one_more_bad_message_after_many_does_not_stop_it_when_its_own_batch_is_good() -> None:
    limit = DeadLetterLimit(0.5)
    for _ in range(AT_LEAST - 1):
        feed(limit, 0, 1)
    feed(limit, 30, 1)


@pytest.mark.parametrize(("limit", "bad"), [(0.0, 1), (0.1, 11), (0.9, 91)])
def test_the_limit_can_be_set(limit: float, bad: int) -> None:
    with pytest.raises(TooManyDeadLettersError):
        feed(DeadLetterLimit(limit), 100 - bad, bad)


def test_a_limit_of_one_never_stops_it() -> None:
    feed(DeadLetterLimit(1.0), 0, 5_000)


def test_it_says_how_many_which_reason_where_and_what_to_do() -> None:
    batch = messages(1_200, first=40)
    bad = rejected(batch[:1], "tombstone") + rejected(batch[1:1_000], "unknown_version")
    with pytest.raises(TooManyDeadLettersError) as caught:
        DeadLetterLimit(0.5).check(batch, bad)
    assert str(caught.value) == (
        "recorder.too_many_dead_letters: 1,000 of the newest 1,200 messages cannot be recorded, most of them as"
        " unknown_version. Nothing of the last batch is put aside or lost, from s.results 0:40 on (tombstone: no JSON):"
        " this recorder is older than what writes there: update it, and start it again;"
        " with SITEMON_DEAD_LETTER_RATIO=1 it puts all of them aside"
    )


def test_after_a_restart_the_dead_letters_before_it_count() -> None:
    limit = DeadLetterLimit(0.5, letters(AT_LEAST, first=900))
    batch = messages(1, first=1_000)
    with pytest.raises(TooManyDeadLettersError):
        limit.check(batch, rejected(batch))


def test_after_a_restart_good_messages_between_the_dead_letters_count_too() -> None:
    past = [letter._replace(offset=10 * letter.offset) for letter in letters(AT_LEAST)]
    batch = messages(1, first=1_000)
    DeadLetterLimit(0.5, past).check(batch, rejected(batch))


@pytest.mark.parametrize(
    "past",
    [letters(AT_LEAST, first=1_000), letters(AT_LEAST, first=0), letters(AT_LEAST, partition=1, first=1_900)],
    ids=["read again from the beginning", "long ago", "another partition"],
)
def test_dead_letters_that_are_not_just_before_what_is_read_do_not_count(past: list[DeadLetter]) -> None:
    batch = messages(1, first=1_000 if past[0].offset == 1_000 else 2_000)
    DeadLetterLimit(0.5, past).check(batch, rejected(batch))
