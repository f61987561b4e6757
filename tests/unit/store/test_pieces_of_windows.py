"""A window of many rows is cut into pieces of few, of each site the last first."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sitemon.store.maintenance_windows import SiteWindow, pieces

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 24, 7, tzinfo=UTC)


def window(site_id: int, from_hour: float, until_hour: float) -> SiteWindow:
    return SiteWindow(site_id, START + from_hour * HOUR, START + until_hour * HOUR)


def hours(*rows: int) -> list[tuple[datetime, int]]:
    """So many rows in each hour from the start on; the last hour comes first."""
    return [(START + place * HOUR, count) for place, count in enumerate(rows)][::-1]


def test_sites_of_few_rows_are_in_one_piece() -> None:
    both = [window(1, 0, 2), window(2, 0, 2)]
    assert [*pieces(both, {1: hours(5, 5), 2: hours(5, 5)}, most=20)] == [both]


def test_a_site_whose_rows_do_not_fit_begins_in_one_piece_and_goes_on_in_the_next() -> None:
    found = pieces([window(1, 0, 2), window(2, 0, 3)], {1: hours(5, 5), 2: hours(5, 5, 5)}, most=16)
    assert [*found] == [[window(1, 0, 2), window(2, 2, 3)], [window(2, 0, 2)]]


def test_an_hour_of_very_many_rows_is_a_piece_of_its_own() -> None:
    found = pieces([window(1, 0.5, 2.5)], {1: hours(1, 99, 1)}, most=10)
    assert [*found] == [[window(1, 2, 2.5)], [window(1, 1, 2)], [window(1, 0.5, 1)]]


def test_what_lies_ahead_has_no_rows_and_goes_with_the_last_hour() -> None:
    found = pieces([window(1, 0, 50), window(2, 10, 20)], {1: hours(9, 9)}, most=10)
    assert [*found] == [[window(1, 1, 50)], [window(1, 0, 1), window(2, 10, 20)]]


@given(st.lists(st.lists(st.integers(1, 30), max_size=12), max_size=5), st.integers(1, 60))
def test_pieces_come_to_the_windows_and_none_has_more_rows_than_it_may(counts: list[list[int]], most: int) -> None:
    rows = {site_id: hours(*own) for site_id, own in enumerate(counts)}
    windows = [window(site_id, 0.5, 15) for site_id in rows]
    left = {one.site_id: one for one in windows}
    for piece in pieces(windows, rows, most):
        inside = [
            count
            for one in piece
            for hour_at, count in rows[one.site_id]
            if one.from_at < hour_at + HOUR <= one.until_at
        ]
        assert sum(inside) <= most or len(inside) == 1
        for one in piece:
            assert one.until_at == left[one.site_id].until_at
            left[one.site_id] = left[one.site_id]._replace(until_at=one.from_at)
    assert all(one.until_at == one.from_at for one in left.values())
