"""Whoever holds most of what is being read makes room."""

from sitemon.web.long_answers import LongAnswers

REPORT = b"x" * 40
PAGE = b"y" * 10


def another(body: bytes) -> bytes:
    """Return the same that is not shared."""
    return bytes(bytearray(body))


def test_what_many_read_counts_once() -> None:
    answers: LongAnswers[int] = LongAnswers(100)
    assert [answers.begin(number, "anna", REPORT) for number in range(1_000)] == [[]] * 1_000


def test_the_peer_with_most_gives_up_what_it_began_first() -> None:
    answers: LongAnswers[str] = LongAnswers(100)
    assert answers.begin("page", "ben", PAGE) == []
    assert answers.begin("first", "anna", another(REPORT)) == []
    assert answers.begin("second", "anna", another(REPORT)) == []
    assert answers.begin("other page", "ben", another(PAGE)) == []
    assert answers.begin("last page", "ben", another(PAGE)) == ["first"]
    assert answers.begin("report", "ben", another(REPORT)) == ["page"]


def test_what_was_sent_counts_no_more() -> None:
    answers: LongAnswers[int] = LongAnswers(100)
    for number in range(10):
        assert answers.begin(number, "anna", another(REPORT)) == []
        answers.end(number)


def test_one_alone_may_be_longer_than_all_may() -> None:
    answers: LongAnswers[str] = LongAnswers(30)
    assert answers.begin("report", "anna", REPORT) == []
    assert answers.begin("page", "ben", PAGE) == ["report"]
