"""What was over before a moment is dropped, and what waits for alerters does not grow without end."""

from datetime import datetime
from typing import Final

from sitemon.store.chains import forget_old_chains
from sitemon.store.queries import load_queries
from sitemon.store.steps import Steps

_sql: Final = load_queries("tidy.sql")

_OF_A_SITE: Final = 1_000
"""So many alerts of a site that were dealt with are kept, the newest ones, beside those of what lasts."""

_OLD_AT_ONCE: Final = 50_000
"""So many alerts that nobody sends any more are dropped at once, whose sites may have few."""
_ALERTS_AT_ONCE: Final = 5_000
"""So many of sites that have very many."""


def tidy(steps: Steps, before: datetime, most_marks: int = 100_000) -> None:
    """Drop what was over before a moment: alerts that were dealt with, windows of the configuration, outages, silences.

    And chains of certificates. Gather what is to decide, where there is much of it; hold nothing for long of sites that
    are watched no more. Of what there may be very much some is dropped at a time, as `Steps.delete` does.
    """
    steps.delete(_sql["forget_alerts"], {"before": before, "most": _OLD_AT_ONCE})
    for name in ("forget_windows", "forget_outages", "forget_silences", "gather_marks", "forget_untold", "forget_held"):
        with steps.transaction() as cursor:
            cursor.execute(_sql[name], {"before": before, "most": most_marks})
    with steps.transaction() as cursor:
        forget_old_chains(cursor, before)
    steps.delete(_sql["forget_crowded"], {"of_a_site": _OF_A_SITE, "most": _ALERTS_AT_ONCE})
