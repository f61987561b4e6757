"""Windows declared and withdrawn among any events and results give the figures that they give from the first."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sitemon import clock
from sitemon.model.moment import from_ms
from sitemon.store.connect import Connection
from sitemon.store.maintenance_windows import Declaration, declare, stop
from sitemon.store.names import Names
from tests.databases import dicts, execute
from tests.integration.store.test_any_order import (
    EMPTY,
    END_MS,
    LASTS_MS,
    LOOKED_AT,
    SITES,
    START_MS,
    Close,
    History,
    Message,
    close_up_to,
    database,
    histories,
    write,
)

__all__ = ["database"]

KNOWN = "INSERT INTO sitemon.site (name) SELECT unnest(%(sites)s) ON CONFLICT DO NOTHING"
NO_WINDOWS = "TRUNCATE sitemon.maintenance_window, sitemon.maintenance_stretch"
FIGURES = ("rows", "hours", "days", "ledger")
STRETCHES = "SELECT site_id, from_at, until_at FROM sitemon.maintenance_stretch ORDER BY site_id, from_at"


class Maintained(NamedTuple):
    """A window of a site in seconds; it is withdrawn again, or stays."""

    site: str
    from_s: int
    lasts_s: int
    is_withdrawn: bool


windows = st.lists(
    st.builds(
        Maintained, st.sampled_from(SITES), st.integers(-600, LASTS_MS // 1000), st.integers(1, 2400), st.booleans()
    ),
    min_size=1,
    max_size=4,
)


def begin(conn: Connection, one: Maintained) -> int:
    from_at = from_ms(START_MS + one.from_s * 1000)
    return declare(conn, Declaration(from_at, from_at + timedelta(seconds=one.lasts_s), [one.site])).maintenance_id


def deliver(conn: Connection, steps: Sequence[Message | Close | Maintained]) -> dict[str, list[dict[str, Any]]]:
    """Let these steps follow each other; a window that comes the second time is withdrawn."""
    execute(conn, EMPTY, {"start": START_MS})
    execute(conn, NO_WINDOWS)
    execute(conn, KNOWN, {"sites": list(SITES)})
    names, numbers, pending = Names(), dict[Maintained, int](), list[Message]()
    for one in steps:
        if not isinstance(one, Close | Maintained):
            pending.append(one)
            continue
        write(conn, names, pending)
        pending = []
        if isinstance(one, Close):
            close_up_to(conn, one.at_ms)
        elif one in numbers:
            stop(conn, numbers.pop(one), clock.utc_now(), withdraw=True)
        else:
            numbers[one] = begin(conn, one)
    write(conn, names, pending)
    close_up_to(conn, END_MS)
    return {"stretches": dicts(conn, STRETCHES)} | {name: dicts(conn, LOOKED_AT[name]) for name in FIGURES}


@pytest.mark.timeout(600)
@given(histories(), windows, st.data())
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_figures_are_those_of_windows_that_were_there_from_the_beginning(
    database: Connection, history: History, maintained: list[Maintained], data: st.DataObject
) -> None:
    maintained = list(dict.fromkeys(maintained))
    arrival: list[Message | Close | Maintained] = [one for batch in history.arrival for one in batch]
    for window in maintained:
        for _ in range(2 if window.is_withdrawn else 1):
            arrival.insert(data.draw(st.integers(0, len(arrival))), window)
    kept = [window for window in maintained if not window.is_withdrawn]
    assert deliver(database, arrival) == deliver(database, [*kept, *history.messages])
