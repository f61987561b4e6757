"""The states of sites, kept as they are decided: for `sitemon.status`, and for who wants to hear of degraded ones."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.incident.summary import Degraded, Summary
from sitemon.store.queries import load_queries

_status_sql: Final = load_queries("status.sql")
_degraded_sql: Final = load_queries("degraded.sql")


class Decided(NamedTuple):
    """The state of a site, the slot of its newest row, and how it is degraded, if it is.

    `left_at` is when it was taken out of the configuration, if it was.
    """

    summary: Summary
    newest_at: datetime
    degraded: Degraded | None
    left_at: datetime | None = None


def note_states(cursor: Cursor, states: Mapping[int, Decided]) -> None:
    """Keep the states of these sites, and what is to be told of those that changed.

    That a site is degraded is over when it is up, or taken out: while it is down or unseen, it may go on.
    """
    rows = [{"site_id": n, "newest_at": one.newest_at} | one.summary._asdict() for n, one in states.items()]
    cursor.execute(_status_sql["note_states"], {"states": _json(rows)})
    degraded = [_columns(site_id, one.degraded) for site_id, one in states.items() if one.degraded]
    if degraded:
        cursor.execute(_degraded_sql["note"], {"degraded": _json(degraded)})
    others = [site_id for site_id, one in states.items() if not one.degraded]
    cursor.execute(_degraded_sql["forget_untold"], {"site_ids": others})
    over = {n: one.left_at or one.newest_at for n, one in states.items() if one.left_at or one.summary.state == "up"}
    cursor.execute(_degraded_sql["end"], {"site_ids": list(over), "ended_at": list(over.values())})


def _columns(site_id: int, one: Degraded) -> dict[str, object]:
    fields = {name: value for name, value in one._asdict().items() if name != "cause"}
    return {"site_id": site_id} | fields | msgspec.structs.asdict(one.cause)


def _json(rows: list[dict[str, object]]) -> str:
    return msgspec.json.encode(rows).decode()
