"""What ``sitemon ledger`` shows: the hours that are uneven, and the sum of all."""

import operator
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.table import Table
from rich.text import Text

from sitemon.model.one_line import one_line
from sitemon.store.read import LedgerHour

COUNTS: Final = ("expected", "real", "told", "derived", "lost", "unaccounted", "unexpected")
SHOWN: Final = 20
"""So many uneven hours of sites are shown, the worst first: after an outage it can be every site's."""
TABLE_WIDTH: Final = 100

_counts: Final = operator.attrgetter(*COUNTS)


def uneven_hours(uneven: Sequence[LedgerHour]) -> Table:
    """Return a table of these hours, the worst first, `SHOWN` of them."""
    table = Table("hour (UTC)", "site", "region", box=None, pad_edge=False)
    for name in COUNTS:
        table.add_column(name, justify="right", no_wrap=True)
    for hour in sorted(uneven, key=lambda hour: -hour.unaccounted - hour.unexpected)[:SHOWN]:
        table.add_row(
            f"{hour.hour_at:%m-%d %H}", *map(Text, map(one_line, (hour.site, hour.region))), *map(str, _counts(hour))
        )
    return table


def why_nothing_counts(first_due_at: datetime | None, closed_at: datetime) -> str | None:
    """Return why no slot is expected yet; None once the account is closed beyond the first that counts."""
    if first_due_at is None:
        return "nothing is expected yet: no beat has told of any site"
    if first_due_at <= closed_at:
        return None
    return (
        f"nothing is expected yet: a slot counts once its interval, its timeout and 12 s have passed, the first one at "
        f"{first_due_at:%H:%M:%S} UTC; the account is closed up to {closed_at:%H:%M:%S}"
    )


def sum_of(ledger: Sequence[LedgerHour]) -> str:
    """Return the sum of all hours, in one line."""
    total = [sum(column) for column in zip(*map(_counts, ledger), strict=True)] or [0] * len(COUNTS)
    return "{} expected = {} real + {} told + {} derived ({} lost) + {} unaccounted; {} unexpected".format(*total)
