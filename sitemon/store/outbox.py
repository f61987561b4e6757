"""What is to be sent, and how it goes with the channels on which it is."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries

_sql: Final = load_queries("outbox.sql")


class Lease(NamedTuple):
    """A channel that is ours for a time. `failures` is how many tries in a row found nobody who takes alerts."""

    channel: str
    number: str
    failures: int
    disabled_target: str | None


class Alert(NamedTuple):
    """An event to be sent on a channel; `tries` is how often that failed."""

    outbox_id: int
    event_id: str
    event: dict[str, Any]
    tries: int


class KnownAlert(NamedTuple):
    """An alert as people read it."""

    alert_id: int
    type: str
    site: str | None
    incident_id: int | None
    channel: str
    state: str
    created_at: datetime
    delivered_at: datetime | None
    tries: int
    problem: str | None


def add_channels(conn: Connection, names: Sequence[str]) -> None:
    """Note these channels, if they are new."""
    _run(conn, "add_channels", names=list(names))


def take_channel(conn: Connection, name: str, lease_s: float) -> Lease | None:
    """Take a channel for so long, if there is something to send on it and nobody else has it."""
    number = str(uuid.uuid4())
    found = _run(conn, "take_channel", channel=name, lease=number, lease_s=lease_s)
    return Lease(name, number, *found[0]) if found else None


def due_alerts(conn: Connection, channel: str, most: int) -> list[Alert]:
    """Return what is due on a channel, oldest first."""
    return [Alert(row[0], str(row[1]), *row[2:]) for row in _run(conn, "due_alerts", channel=channel, alerts=most)]


def mark_delivered(conn: Connection, outbox_id: int) -> None:
    """Say that an alert has arrived."""
    _run(conn, "delivered", outbox_id=outbox_id)


def mark_failed(conn: Connection, outbox_id: int, problem: str, wait_s: float) -> bool:
    """Say why an alert did not arrive, and when to try again; return whether it is given up: it is a day old."""
    ((is_given_up,),) = _run(conn, "failed", outbox_id=outbox_id, problem=problem, wait_s=wait_s)
    return bool(is_given_up)


def give_up(conn: Connection, channel: str, problem: str) -> None:
    """Give up all that waits for a channel."""
    _run(conn, "give_up", channel=channel, problem=problem)


def release_channel(conn: Connection, lease: Lease, *, wait_s: float) -> None:
    """Let others have a channel, but nobody before so many seconds have passed; keep what `lease` says of it."""
    _run(
        conn,
        "release_channel",
        channel=lease.channel,
        lease=lease.number,
        failures=lease.failures,
        disabled_target=lease.disabled_target,
        wait_s=wait_s,
    )


def retry_alerts(conn: Connection) -> int:
    """Make all that waits due now, what was given up too, and all channels enabled; return how many alerts it were."""
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["retry"])
        count = cursor.rowcount
        cursor.execute(_sql["enable_channels"])
        return count


def read_alerts(conn: Connection, since: datetime, most: int) -> list[KnownAlert]:
    """Return the newest alerts since a moment."""
    return [KnownAlert._make(row) for row in _run(conn, "alerts", since=since, alerts=most)]


def _run(conn: Connection, name: str, **values: object) -> list[Any]:
    """Run a query in a transaction of its own.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql[name], values)
        return cursor.fetchall() if cursor.description else []
