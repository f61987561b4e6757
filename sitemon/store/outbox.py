"""The outbox: alerts that are to be sent, and how each channel fares."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries
from sitemon.store.rows import rows_of

_sql: Final = load_queries("outbox.sql")
_MOST_AT_ONCE: Final = 20_000
_GIVEN_UP_AT_ONCE: Final = 1_000
"""So that it takes far less than the minute that a statement may take: one that takes longer has done nothing."""


class DueAlert(NamedTuple):
    """Whose alert is due: of no site is as of one, named by a slash and its file.

    `file` stands for the file in which the site stood when it was decided; empty in alerts of before it was noted.
    """

    site: str
    file: str


class Lease(NamedTuple):
    """A channel that is ours for a time. `failures` is how many tries in a row found nobody who takes alerts.

    `is_waiting`: it waits, for what was tried on it failed.
    """

    channel: str
    number: str
    failures: int
    disabled_target: str | None
    is_waiting: bool


class Alert(NamedTuple):
    """An event to be sent on a channel; `tries` is how often that failed."""

    outbox_id: int
    event_id: str
    event: dict[str, Any]
    tries: int


class Waiting(NamedTuple):
    """An alert that waits, by its place in the order in which those of unknown channels are looked at."""

    channel: str
    turn: int
    outbox_id: int


class Gathered(NamedTuple):
    """What goes out to people as one message: how many events of each type; the ids of all, with their sites.

    `tries` is how often sending it failed. What is of no site is as of one, named by a slash and its file. `is_new`: it
    was gathered just now.
    """

    message_id: str
    types: Mapping[str, int]
    sites: Mapping[int, str]
    tries: int
    is_new: bool

    @property
    def is_of_one_site(self) -> bool:
        """Whether nothing is of another site."""
        return len({*self.sites.values()}) == 1


class KnownAlert(NamedTuple):
    """An alert as people read it. `is_overtaken`: it was given up since what came later of the same has arrived."""

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
    is_overtaken: bool


_NONE: Final = Waiting("", 0, 0)


def add_channels(conn: Connection, names: Sequence[str]) -> None:
    """Note these channels, if they are new."""
    rows_of(conn, _sql["add_channels"], names=list(names))


def take_channel(
    conn: Connection, name: str, lease_s: float, *, held: str | None = None, anyway: bool = False
) -> Lease | None:
    """Take a channel for so long, if there is something to send on it (or `anyway`), and nobody else has it.

    Or one that waits, if it was released so that others may be tried meanwhile; or one that is due, and `held` by this
    lease of ours.
    """
    number = str(uuid.uuid4())
    found = rows_of(conn, _sql["take_channel"], channel=name, lease=number, lease_s=lease_s, held=held, anyway=anyway)
    return Lease(name, number, *found[0]) if found else None


def due_alerts(conn: Connection, channel: str, of_each: int) -> dict[int, DueAlert]:
    """Return the ids of what is due on a channel, with their sites.

    By turns: the oldest of each site in a turn; behind others what was refused. Of each file of sites, so many at most.
    """
    due = rows_of(conn, _sql["due_alerts"], channel=channel, of_each=of_each)
    if due and due[0][-1] < 0:
        with translated(), conn, conn.cursor() as cursor:
            _give_turns(cursor, "turns_again", channel=channel)
        due = rows_of(conn, _sql["due_alerts"], channel=channel, of_each=of_each)
    return {outbox_id: DueAlert(site, file) for outbox_id, site, file, _ in due}


def waiting_sites(conn: Connection, channel: str) -> dict[str, bool]:
    """Return the sites of what waits for a channel, and whether a try of any of it failed."""
    return dict(rows_of(conn, _sql["waiting_sites"], channel=channel))


def read_waiting(conn: Connection, outbox_ids: Sequence[int]) -> list[Alert]:
    """Return these alerts, in this order."""
    found = {row[0]: row for row in rows_of(conn, _sql["read_waiting"], outbox_ids=list(outbox_ids))}
    return [Alert(*found[outbox_id]) for outbox_id in outbox_ids]


def gather(
    conn: Connection, channel: str, *, is_of_one_site: bool, but_for: Collection[str], first: str | None
) -> Gathered | None:
    """Put what waits for a channel into one message, once some of it is due; return that, of each site the first first.

    Or what waits of one site: that of the site, but for some, of which the fewest tries failed. Where very many wait,
    the rest is another message. One that was gathered before and could not be sent stays as it was, and is returned
    when it is due again: before others the message `first`.
    """
    asked = {"channel": channel, "is_of_one_site": is_of_one_site, "but_for": list(but_for), "first": first}
    due = rows_of(conn, _sql["due_message"], **asked)
    if not due:
        return None
    ((gathered_before, site),) = due
    message = {"channel": channel, "message_id": str(gathered_before or uuid.uuid4())}
    if gathered_before is None:
        of_site = site if is_of_one_site else None
        rows_of(conn, _sql["gather_message"], **message, site=of_site, alerts=_MOST_AT_ONCE)
    return _read_message(conn, **message, is_new=gathered_before is None)


def narrow_message(conn: Connection, channel: str, gathered: Gathered, outbox_ids: Sequence[int]) -> Gathered:
    """Let a message be of these alerts alone, and return it; its others are gathered for another one."""
    rows_of(conn, _sql["narrow_message"], channel=channel, message_id=gathered.message_id, outbox_ids=list(outbox_ids))
    return _read_message(conn, channel, gathered.message_id, is_new=gathered.is_new)


def _read_message(conn: Connection, channel: str, message_id: str, *, is_new: bool) -> Gathered:
    found = rows_of(conn, _sql["message_types"], channel=channel, message_id=message_id)
    types = {type_: count for type_, count, _ in found}
    tries = max((tries for *_, tries in found), default=0)
    sites = dict(rows_of(conn, _sql["message_sites"], channel=channel, message_id=message_id))
    return Gathered(message_id, types, sites, tries, is_new)


def mark_message_delivered(conn: Connection, channel: str, message_id: str) -> None:
    """Say that a message has arrived."""
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["message_delivered"], {"channel": channel, "message_id": message_id})
        _give_up_overtaken(cursor, channel, cursor.fetchall())


def mark_message_failed(
    conn: Connection, channel: str, message_id: str, problem: str, wait_s: float, *, is_broken_up: bool
) -> bool:
    """Say why a message did not arrive, and when to try again; return whether some is given up: it is a day old.

    One that is broken up is gathered anew at the next try.
    """
    values = {"message_id": message_id, "problem": problem, "wait_s": wait_s, "is_broken_up": is_broken_up}
    return any(is_given_up for (is_given_up,) in rows_of(conn, _sql["message_failed"], channel=channel, **values))


def split_message(conn: Connection, channel: str, message_id: str, problem: str) -> None:
    """Say why a message was refused; what it says of each site is a message by itself from here on, due at once."""
    rows_of(conn, _sql["split_message"], channel=channel, message_id=message_id, problem=problem)


def mark_delivered(conn: Connection, channel: str, outbox_id: int) -> None:
    """Say that an alert has arrived."""
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["delivered"], {"outbox_id": outbox_id})
        _give_up_overtaken(cursor, channel, cursor.fetchall())


def mark_failed(conn: Connection, outbox_id: int, problem: str, wait_s: float) -> bool:
    """Say why an alert did not arrive, and when to try again; return whether it is given up: it is a day old."""
    found = rows_of(conn, _sql["failed"], outbox_id=outbox_id, problem=problem, wait_s=wait_s)
    return any(is_given_up for (is_given_up,) in found)


def put_behind_others(conn: Connection, channel: str, outbox_id: int) -> None:
    """Let the site of an alert take a later turn, with all that waits of it."""
    rows_of(conn, _sql["put_behind_others"], channel=channel, outbox_id=outbox_id)


def give_up(conn: Connection, channel: str, problem: str) -> bool:
    """Give up some of what waits for a channel; return whether there may be more."""
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["give_up"], {"channel": channel, "problem": problem, "most": _GIVEN_UP_AT_ONCE})
        return cursor.rowcount == _GIVEN_UP_AT_ONCE


def give_up_unknown(conn: Connection, known: Sequence[str], after: Waiting | None) -> Waiting | None:
    """Look at some of what waits for channels that are in no configuration any more, and give up what is a day old.

    That is what comes after an alert, None: the first ones. Return the last that was looked at, if there may be more.
    """
    place = (after or _NONE)._asdict()
    found = rows_of(conn, _sql["give_up_unknown"], known=list(known), **place, most=_GIVEN_UP_AT_ONCE)
    return Waiting(*found[0]) if found else None


def set_back(conn: Connection) -> None:
    """Let nothing wait until a clock of PostgreSQL that was ahead, and was set back since, would have come to it."""
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["set_back"])


def release_channel(conn: Connection, lease: Lease, *, wait_s: float, others_wait_s: float | None = None) -> None:
    """Let others have a channel, but nobody before so many seconds have passed; keep what `lease` says of it.

    While it waits it can be taken after `others_wait_s`, to try what has not failed.
    """
    rows_of(conn, _sql["release_channel"], **lease._asdict(), wait_s=wait_s, others_wait_s=others_wait_s)


def hold_channel(conn: Connection, lease: Lease, *, wait_s: float, held_s: float) -> None:
    """Let a channel wait for so many seconds, and be taken by nobody else for `held_s` after that."""
    rows_of(conn, _sql["hold_channel"], **lease._asdict(), wait_s=wait_s, held_s=held_s)


def retry_alerts(conn: Connection) -> int:
    """Make all that waits due now, what was given up too, and all channels enabled; return how many alerts it were."""
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["retry"])
        count = cursor.rowcount
        _give_turns(cursor, "turns_anew")
        cursor.execute(_sql["enable_channels"])
        channels = [name for (name,) in cursor.fetchall()]
        return count - _give_up_all_overtaken(cursor, channels)


def read_alerts(conn: Connection, since: datetime, most: int) -> list[KnownAlert]:
    """Return the newest alerts since a moment."""
    return [KnownAlert._make(row) for row in rows_of(conn, _sql["alerts"], since=since, alerts=most)]


def _give_turns(cursor: Cursor, query: str, **values: object) -> None:
    """Give alerts the turns that a query says.

    Not by a join in one statement: a planner that does not know yet how many alerts wait would join all with all.
    """
    cursor.execute(_sql[query], values)
    given = cursor.fetchall()
    outbox_ids, turns = zip(*given, strict=True) if given else ((), ())
    cursor.execute(_sql["give_turns"], {"outbox_ids": [*outbox_ids], "turns": [*turns]})


def _give_up_overtaken(cursor: Cursor, channel: str, arrived: Sequence[tuple[int, str]]) -> None:
    """Give up what waits on a channel and is older than what has just arrived of the same, alerts with their sites."""
    sites = list({site for _, site in arrived})
    values = {"channels": [channel], "sites": sites, "arrived": [outbox_id for outbox_id, _ in arrived], "first": None}
    cursor.execute(_sql["give_up_overtaken"], values)


def _give_up_all_overtaken(cursor: Cursor, channels: Sequence[str]) -> int:
    """Give up what waits on these channels and is older than what has arrived of the same; return how many."""
    cursor.execute(_sql["first_waiting"], {"channels": list(channels)})
    ((first,),) = cursor.fetchall()
    if first is None:
        return 0
    values = {"channels": list(channels), "sites": None, "arrived": [], "first": first}
    cursor.execute(_sql["give_up_overtaken"], values)
    return cursor.rowcount
