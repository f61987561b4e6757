"""One transaction in which it is decided what is said: what is said beside it, and the outbox."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.store.connect import Connection
from sitemon.store.connectivity import Connectivity
from sitemon.store.errors import translated
from sitemon.store.notify import notify
from sitemon.store.queries import load_queries

_sql: Final = load_queries("incident.sql")
_outbox_sql: Final = load_queries("outbox.sql")
_PIECE_BYTES: Final = 4 << 20
"""So much of what is said is in a statement: a value of jsonb has 256 MB at most, and is held several times."""


class Circumstances(NamedTuple):
    """What is said beside an incident: the site's URL, since when it was well before, who knows already.

    `is_maintained`: a window of maintenance lies in it, or shortly before. `is_held`: nobody was told of it. Since when
    and from which regions the site is down by another incident, and when its last one was over.
    """

    url: str | None
    well_since: datetime | None
    acknowledged_by: str | None
    is_maintained: bool = False
    is_held: bool = False
    down_since: datetime | None = None
    down_from: Sequence[str] = ()
    up_since: datetime | None = None


class Saying(NamedTuple):
    """An event for a channel, of an incident if it is of one; it waits so long for others to go out with.

    `file`: in which its site stands, or stood, or that names its region; `NO_FILE` for what is of neither.
    """

    channel: str
    incident_id: int | None
    event: Mapping[str, Any]
    wait_s: float
    file: str


class Deciding:
    """One transaction in which it is decided what is said."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    @cached_property
    def connectivity(self) -> Connectivity:
        """The outages of regions."""
        return Connectivity(self._cursor)

    def circumstances(self, numbers: Sequence[int]) -> dict[int, Circumstances]:
        """Return what is said beside incidents."""
        found = self._all("circumstances", incident_ids=list(numbers))
        return {number: Circumstances(*around) for number, *around in found}

    def channels_told(self, numbers: Sequence[int]) -> dict[int, set[str]]:
        """Return which channels were told of incidents that they are open."""
        found: dict[int, set[str]] = {number: set() for number in numbers}
        for number, channel, _ in self._all("said_ages", incident_ids=list(numbers)) if numbers else ():
            found[number].add(channel)
        return found

    def labels_said(self, numbers: Sequence[int]) -> dict[int, Mapping[str, str]]:
        """Return with which labels it was told last that incidents are open, of those of which it was."""
        return dict(self._all("said_labels", incident_ids=list(numbers))) if numbers else {}

    def few_regions(self, site_ids: Sequence[int], references: Collection[str], most: int) -> dict[int, set[str]]:
        """Return so many regions of each of these sites: first those with reference sites and those of its schedule."""
        found: dict[int, set[str]] = {site_id: set() for site_id in site_ids}
        values = {"site_ids": list(found), "references": list(references), "most": most}
        for site_id, region in self._all("few_regions", **values) if found else ():
            found[site_id].add(region)
        return found

    def say(self, alerts: Iterable[Saying]) -> None:
        """Put events into the outbox."""
        rows = (
            {**one._asdict(), "place": place, "event_id": one.event["data"]["id"], "file": file_digest(one.file)}
            for place, one in enumerate(alerts)
        )
        for piece in _pieces(rows):
            self._cursor.execute(_outbox_sql["add_alerts"], {"alerts": piece})
        notify(self._cursor)

    def _do(self, name: str, **values: object) -> None:
        self._cursor.execute(_sql[name], values)

    def _all(self, name: str, **values: object) -> list[Any]:
        self._do(name, **values)
        return self._cursor.fetchall()


@contextmanager
def begin_deciding(conn: Connection) -> Iterator[Deciding]:
    """Decide on something that is of no site, in one transaction.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        yield Deciding(cursor)


@lru_cache(maxsize=1_000)
def file_digest(file: str) -> str:
    """Return what stands for a file in the outbox: its name may be no text, and longer than an index takes."""
    return hashlib.sha256(file.encode(errors="surrogateescape")).hexdigest()


def as_json(rows: Iterable[Mapping[str, object]]) -> str:
    """Return rows as one value of jsonb: thousands of them in one statement."""
    return msgspec.json.encode(list(rows)).decode()


def _pieces(rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """Yield rows as values of jsonb, none of which is much longer than a piece."""
    encoded = map(msgspec.json.encode, rows)
    for first in encoded:
        piece, size_bytes = [first], len(first)
        while size_bytes < _PIECE_BYTES and (row := next(encoded, None)):
            piece.append(row)
            size_bytes += len(row)
        yield f"[{b','.join(piece).decode()}]"
