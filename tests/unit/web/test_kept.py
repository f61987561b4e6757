"""What was read last is shown while it cannot be read again."""

from datetime import timedelta

import pytest

from sitemon.model.errors import UnreachableError
from sitemon.web.kept import Kept, Read
from tests.unit.web.watches import NOW

LATER = NOW + timedelta(minutes=1)


def fail() -> str:
    raise UnreachableError("nobody answers")


@pytest.fixture
def kept() -> Kept[str]:
    kept: Kept[str] = Kept()
    kept.of("shop", NOW, lambda: "then", is_away=False)
    return kept


def test_what_can_be_read_is_new(kept: Kept[str]) -> None:
    assert kept.of("shop", LATER, lambda: "now", is_away=False) == Read(LATER, "now")


def test_what_cannot_be_read_is_what_it_was(kept: Kept[str]) -> None:
    assert kept.of("shop", LATER, fail, is_away=False) == Read(NOW, "then")
    assert kept.of("blog", LATER, fail, is_away=False) is None


def test_it_is_old_where_it_could_not_be_read_anew(kept: Kept[str]) -> None:
    found = kept.of("shop", LATER, fail, is_away=False)
    assert found is not None
    assert found.old_since(LATER) == NOW
    assert found.old_since(NOW + timedelta(seconds=9)) is None


def test_while_the_database_is_known_to_be_away_nobody_tries(kept: Kept[str]) -> None:
    tried: list[str] = []

    def read() -> str:
        tried.append("once")
        return "now"

    assert kept.of("shop", LATER, read, is_away=True) == Read(NOW, "then")
    assert tried == []


def test_with_nothing_new_of_it_it_is_not_read_again() -> None:
    kept: Kept[str] = Kept()
    kept.of("shop", NOW, lambda: "then", is_away=False, evidence="up at 12:00")
    soon = NOW + timedelta(seconds=9)
    assert kept.of("shop", soon, fail, is_away=False, evidence="up at 12:00") == Read(NOW, "then", "up at 12:00")
    assert kept.of("shop", soon, lambda: "now", is_away=False, evidence="up at 12:01") == Read(
        soon, "now", "up at 12:01"
    )
    late = soon + timedelta(seconds=10)
    assert kept.of("shop", late, lambda: "late", is_away=False, evidence="up at 12:01") == Read(
        late, "late", "up at 12:01"
    )


def test_it_keeps_the_newest_only(kept: Kept[str]) -> None:
    for number in range(300):
        kept.of(f"site-{number}", LATER, lambda: "x", is_away=False)
    assert kept.of("shop", LATER, fail, is_away=False) is None
    assert kept.of("site-299", LATER, fail, is_away=False) == Read(LATER, "x")


def test_who_goes_through_many_addresses_pushes_out_none_that_others_ask_for(kept: Kept[str]) -> None:
    for number in range(300):
        kept.of(f"shop until {number}", LATER, lambda: "x", is_away=False)
        kept.of("shop", LATER, fail, is_away=True)
    assert kept.of("shop", LATER, fail, is_away=False) == Read(NOW, "then")


def is_kept(kept: Kept[list[str]], address: str) -> bool:
    return kept.of(address, NOW, None, is_away=True) is not None


def test_of_what_is_long_less_is_kept() -> None:
    kept: Kept[list[str]] = Kept(most_bytes=1_000_000)
    for number in range(100):
        assert kept.of(f"until {number}", NOW, lambda: ["x" * 5_000] * 10, is_away=False)
        kept.of("until 0", NOW, None, is_away=True)
    found = [number for number in range(100) if is_kept(kept, f"until {number}")]
    assert found[0] == 0
    assert found[1:] == list(range(100 - len(found) + 1, 100))
    assert 10 < len(found) <= 20


@pytest.mark.parametrize(
    ("data", "evidence"), [(["x" * 70_000], "up"), ([], ("up", {"team": "x" * 70_000}))], ids=["found", "evidence"]
)
def test_what_is_too_long_is_given_and_not_kept_and_nothing_else_makes_room(data: list[str], evidence: object) -> None:
    kept: Kept[list[str]] = Kept(most_bytes=1_000_000)
    for address in ("shop", "blog"):
        kept.of(address, NOW, list, is_away=False)
    assert kept.of("blog", LATER, lambda: data, is_away=False, evidence=evidence) == Read(LATER, data, evidence)
    assert [is_kept(kept, address) for address in ("shop", "blog")] == [True, False]
