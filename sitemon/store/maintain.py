"""What has to be done now and then: partitions made and dropped, results rolled up, and what is over dropped."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple, TypeVar

from sitemon import clock
from sitemon.backoff import Backoff
from sitemon.model.moment import from_ms
from sitemon.store.account import read_account
from sitemon.store.connect import Connection
from sitemon.store.failing import Failing
from sitemon.store.partitions import Retention, drop_partitions, make_partitions
from sitemon.store.recent import sum_recent
from sitemon.store.roll_up import roll_up
from sitemon.store.steps import Steps
from sitemon.store.tidy import tidy

T = TypeVar("T")

TURN_S: Final = 2.0
"""While somebody rolls up nobody records: of a backlog so much is done at a time."""

PAUSE_S: Final = 2.0
"""Then recording has as long."""

_REST: Final = Backoff(first_s=60.0, longest_s=600.0)
"""How long a step that failed is left: others wait while it waits for them, or takes too long."""


class Maintained(NamedTuple):
    """What was done. Where it `is_behind`, hours are left to be rolled up, or last days of sites to be summed."""

    partitions_made: int
    partitions_dropped: int
    is_behind: bool = False


class Maintenance:
    """Maintains a database by turns. A step that fails rests by itself, and `say` is told what it is, and why."""

    def __init__(self, retention: Retention, say: Callable[[str, Exception], None]) -> None:
        self._retention = retention
        self._failing = Failing[str](_REST, say)

    def turn(self, conn: Connection, now: datetime, on_step: Callable[[], None] = lambda: None) -> Maintained:
        """Make partitions, roll up, sum the last days of each site anew, drop what is past its retention, and tidy.

        Hours are rolled up for `TURN_S`; the last days are summed once all are; of very many rows past their retention
        some go in any case, and others within that time. Where a step takes too long, or has to wait for too long, the
        others are done all the same. Idempotent; several may run at once. `on_step` is called before each statement.

        Raises:
            RetryableError: of which `sitemon.store.failing.is_of_server` says so; the next turn goes on.

        """
        steps = Steps(conn, on_step, TURN_S)
        made = 0
        with self._failing.trying("partitions"):  # which a recorder waits for
            made = make_partitions(steps, now, self._retention)
        is_behind = self._try("roll-up", False, partial(roll_up, steps, now))
        is_behind = is_behind or self._try("last days", False, partial(sum_recent, steps))
        dropped = self._try("old partitions", 0, partial(drop_partitions, steps, now, self._retention))
        before = now - timedelta(days=self._retention.hourly_days)
        self._try("what is over", None, partial(tidy, steps, before))
        return Maintained(made, dropped, is_behind)

    def _try(self, step: str, otherwise: T, work: Callable[[], T]) -> T:
        """Return what a step returns, something else where it rests, or fails."""
        if not self._failing.is_resting(step):
            with self._failing.trying(step):
                return work()
        return otherwise


def maintain(conn: Connection, retention: Retention, now: datetime) -> Maintained:
    """Do all that is to be done, by turns, between which those who record have theirs.

    Raises:
        SitemonError: what the first step that failed raised; all others are done.
        RetryableError: as `Maintenance.turn` does.

    """
    failed: list[Exception] = []
    maintenance = Maintenance(retention, lambda _, exc: failed.append(exc))
    made = dropped = 0
    while True:
        done = maintenance.turn(conn, now)
        made += done.partitions_made
        dropped += done.partitions_dropped
        if not done.is_behind:
            break
        clock.sleep(PAUSE_S)
    if failed:
        raise failed[0]
    return Maintained(made, dropped)


def not_ahead(conn: Connection, now: datetime) -> datetime:
    """Return what time it is by a clock, but none to which PostgreSQL's has not come: what is dropped is lost.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    return min(now, from_ms(read_account(conn).now_ms))
