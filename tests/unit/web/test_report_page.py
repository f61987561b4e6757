"""Which months a report is chosen from, and what an address asks for."""

from datetime import date

import pytest
from starlette.datastructures import QueryParams

from sitemon.store.report import EVERYTHING
from sitemon.web.problems import Problem
from sitemon.web.report_page import months
from sitemon.web.report_query import read_query


def test_months_go_back_from_this_one() -> None:
    found = months(date(2026, 1, 31), date(2026, 1, 1))
    assert found[:3] == [("2026-01", "January 2026"), ("2025-12", "December 2025"), ("2025-11", "November 2025")]
    assert len(found) == 25


def test_the_chosen_month_is_among_them_however_old() -> None:
    assert months(date(2026, 1, 31), date(2020, 5, 1))[-1] == ("2020-05", "May 2020")
    assert len(months(date(2026, 1, 31), date(2025, 5, 1))) == 25


def test_what_a_form_leaves_empty_is_not_asked_for() -> None:
    query = read_query(QueryParams({"month": "", "group_by": "team", "site": "", "label": ""}))
    assert (query.month, query.group_by, query.timezone, query.only) == (None, "team", "UTC", EVERYTHING)


def test_a_label_may_be_asked_for_again() -> None:
    assert read_query(QueryParams("label=team:web&site=shop&label=eu")).only == ("shop", ("team:web", "eu"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"month": "2026-13"}, "month: expected a month such as 2026-10"),
        ({"month": "٢٠٢٦-10"}, "month: expected a month such as 2026-10"),
        ({"from": "x"}, "from: "),
        ({"group_by": "\0"}, "group_by: expected the name of a label"),
        ({"label": "\0"}, "label.0: expected the name of a label"),
        ({"mnoth\u202e": "2026-10"}, r"mnoth\\u202e: "),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(given: dict[str, str], words: str) -> None:
    with pytest.raises(Problem, match=f"^{words}") as refused:
        read_query(QueryParams(given))
    assert refused.value.status == 422
