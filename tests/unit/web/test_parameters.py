"""Cursors: every one that is written as it should be is one, and says the place that it was made of."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from sitemon.store.history import HoursAfter, ResultsAfter
from sitemon.web.api import parameters as api

AT = datetime(2026, 11, 24, 7, 0, 0, 123456, UTC)
HOUR = AT.replace(minute=0, second=0, microsecond=0)
QUERIES: list[type[BaseModel]] = [api.ResultsQuery, api.SeriesQuery, api.LedgerQuery]


def short_pattern_of(query: type[BaseModel]) -> str:
    """Return what a cursor has to look like, but for its length."""
    forms = query.model_json_schema()["properties"]["cursor"]["anyOf"]
    [pattern] = [form["pattern"] for form in forms if "pattern" in form]
    return re.sub(r"\{1,(200|1000)\}", "{1,9}", pattern)


@pytest.mark.parametrize("query", QUERIES)
def test_every_cursor_that_fits_its_pattern_is_a_place(query: type[BaseModel]) -> None:
    @given(st.from_regex(short_pattern_of(query), fullmatch=True, alphabet=st.characters(codec="utf-8")))
    def check(cursor: str) -> None:
        after: Any = query.model_validate({"cursor": cursor}).after  # type: ignore[attr-defined]  # all of them have it
        assert after[0] >= api.FIRST

    check()


@pytest.mark.parametrize("region", ["default", "~", "a~b", "ä\n"])
def test_the_cursor_of_a_row_is_its_place(region: str) -> None:
    row = {"slot_at": AT, "hour_at": HOUR, "region": region, "kind": "adhoc", "site": "a~b"}
    of_result = api.ResultsQuery.model_validate({"cursor": api.cursor_of_result(row)})
    assert of_result.after == ResultsAfter(AT, region, "adhoc")
    of_hour = api.SeriesQuery.model_validate({"cursor": api.cursor_of_hour(row)})
    assert of_hour.after == HoursAfter(HOUR, region)
    cursor = api.cursor_of_hour({"day": HOUR.date(), "region": region})
    day = api.SeriesQuery.model_validate({"by": "day", "cursor": cursor})
    assert day.after == HoursAfter(HOUR.date(), region)


def test_the_cursor_of_an_hour_of_the_ledger_is_its_place() -> None:
    row = {"hour_at": HOUR, "region": "eu", "site": "a~b"}
    query = api.LedgerQuery.model_validate({"cursor": api.cursor_of_ledger(row)})
    assert query.after == HoursAfter(HOUR, "eu", "a~b")


@pytest.mark.parametrize("moment", ["2026-11-24T07:00:00Z", "2026-11-24t07:00:00.000z", "2026-11-24T09:00:00+02:00"])
def test_a_moment_is_read_in_any_zone(moment: str) -> None:
    query = api.ResultsQuery.model_validate({"from": moment})
    assert query.from_at == datetime(2026, 11, 24, 7, tzinfo=UTC)


NO_MOMENTS = ["", "0", "2026-11-24", "2026-11-24T07:00:00", "2026-13-24T07:00:00Z", "0001-01-01T00:00:00+14:00"]


@pytest.mark.parametrize("moment", [*NO_MOMENTS, "\u0662026-11-24T07:00:00Z"])
def test_what_is_no_moment_is_refused(moment: str) -> None:
    with pytest.raises(ValidationError):
        api.ResultsQuery.model_validate({"from": moment})


def test_a_stretch_ends_soon_after_now_at_the_latest() -> None:
    query = api.SeriesQuery.model_validate({"until": "9999-12-31T23:59:59Z"})
    assert query.stretch(AT, timedelta(days=7)) == (AT - timedelta(days=7), AT + api.AHEAD)
    early = api.SeriesQuery.model_validate({"until": "0001-01-01T00:00:00Z"})
    assert early.stretch(AT, timedelta(days=7)) == (api.FIRST, api.FIRST)
