"""What ``sitemon ledger`` prints when it is uneven."""

from datetime import UTC, datetime, timedelta

from rich.console import Console

from sitemon.report.ledger import SHOWN, TABLE_WIDTH, sum_of, uneven_hours, why_nothing_counts
from sitemon.store.read import LedgerHour

HOUR_AT = datetime(2026, 11, 24, 7, tzinfo=UTC)


def uneven(site: str, unaccounted: int) -> LedgerHour:
    return LedgerHour(site, "default", HOUR_AT, 60, 55 - unaccounted, 3, 2, 1, unaccounted, 0)


def test_the_worst_hours_are_shown_first_and_the_rest_counted_in_the_sum() -> None:
    hours = [uneven(f"site{number}", number) for number in range(1, SHOWN + 4)]
    console = Console(width=TABLE_WIDTH)
    with console.capture() as shown:
        console.print(uneven_hours(hours))
    lines = shown.get().splitlines()
    assert [line.split()[2] for line in lines[1:]] == [f"site{number}" for number in range(SHOWN + 3, 3, -1)]
    assert sum_of(hours) == "1380 expected = 989 real + 69 told + 46 derived (23 lost) + 276 unaccounted; 0 unexpected"


def test_it_says_why_nothing_counts_yet() -> None:
    assert why_nothing_counts(None, HOUR_AT) == "nothing is expected yet: no beat has told of any site"
    said = why_nothing_counts(HOUR_AT + timedelta(seconds=82), HOUR_AT)
    assert said is not None
    assert said.endswith("the first one at 07:01:22 UTC; the account is closed up to 07:00:00")
    assert why_nothing_counts(HOUR_AT, HOUR_AT) is None


def test_without_any_hour_the_sum_is_zero() -> None:
    assert sum_of([]) == "0 expected = 0 real + 0 told + 0 derived (0 lost) + 0 unaccounted; 0 unexpected"
