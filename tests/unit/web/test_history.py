"""The past of sites: read when somebody first asks, kept while it cannot be read."""

from collections.abc import Sequence
from datetime import date, datetime

import pytest

from sitemon import clock
from sitemon.model.counts import Counts
from sitemon.model.errors import UnreachableError
from sitemon.web.history import DAYS, NOTHING_YET, History, past_of
from tests.pipeline import wait_for


class Database:
    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.refused = 0
        self.is_away = False

    def days(self, names: Sequence[str], _first: date, days: int) -> dict[str, list[Counts | None]]:
        if self.is_away:
            self.refused += 1
            raise UnreachableError("nobody answers")
        self.asked.append(list(names))
        return {name: [Counts(up=9)] * days for name in names}

    def trends(self, names: Sequence[str], _first: datetime, hours: int) -> dict[str, list[float | None]]:
        return {name: [20.0] * hours for name in names}


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def history(database: Database) -> History:
    return History(database.days, database.trends, lambda: ["shop", "blog"])


def test_what_is_known_is_not_read_again(history: History, database: Database) -> None:
    assert history.of(["shop"])["shop"].uptime == "100%"
    assert set(history.of(["shop", "blog"])) == {"shop", "blog"}
    assert database.asked == [["shop"], ["blog"]]


def test_while_the_database_is_away_what_is_known_stays(history: History, database: Database) -> None:
    known = history.of(["shop"])["shop"]
    database.is_away = True
    assert history.of(["shop", "blog"]) == {"shop": known, "blog": NOTHING_YET}


def test_what_could_not_be_read_anew_is_said_to_be_old_until_it_is(
    history: History, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitemon.web.history._OLD_S", 0.0)
    before = clock.utc_now()
    history.of(["shop"])
    assert history.old_since(["shop"]) is None
    database.is_away = True
    history.of(["shop", "blog"])
    old_since = history.old_since(["blog", "shop"])
    assert old_since is not None
    assert before <= old_since <= clock.utc_now()
    database.is_away = False
    history.of(["shop"])
    assert (database.refused, history.old_since(["shop"])) == (1, old_since)
    monkeypatch.setattr("sitemon.web.history._RETRY_S", 0.0)
    history.of(["shop"])
    assert history.old_since(["shop"]) is None


def test_nobody_waits_for_what_could_not_be_read_a_moment_ago(history: History, database: Database) -> None:
    database.is_away = True
    for _ in range(3):
        history.of(["shop"])
    assert database.refused == 1


def test_it_ends_at_once_though_nobody_has_asked(database: Database) -> None:
    asked: list[None] = []

    def names() -> list[str]:
        asked.append(None)
        return []

    history = History(database.days, database.trends, names)
    history.start()
    wait_for(lambda: len(asked) == 2)  # once more at the end of its round
    history.stop()
    assert not history._thread.is_alive()


def test_only_days_that_were_not_wholly_up_are_explained() -> None:
    days = [Counts(up=9), None, Counts(up=8, down=1), *[Counts(up=9)] * (DAYS - 3)]
    past = past_of(days, [])
    assert past.exceptions == "1:nothing was due\n2:88.88% up: 1 down of 9"
    assert "no latency" in past.sparkline


def test_no_day_is_said_to_be_up_that_was_not_read() -> None:
    assert NOTHING_YET.exceptions.splitlines() == [f"{place}:not read yet" for place in range(DAYS)]


def test_a_sparkline_says_between_which_latencies_it_goes() -> None:
    assert "latency in 24 hours: 29.3ms to 58.7ms" in past_of([None] * DAYS, [20.0, None, 24.0]).sparkline
