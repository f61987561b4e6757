"""Chains of certificates: a result that carries one says that it is news, and that it was there in its slot."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.result import Result, certificates_as_dicts
from sitemon.store.names import Numbers
from sitemon.store.queries import load_queries

_sql: Final = load_queries("chains.sql")

MOST_KEPT: Final = 100
"""Of a site in a region. A server that makes a certificate for each visit would fill the disk with them in a year."""


def note_chains(cursor: Cursor, results: Iterable[Result], numbers: Numbers) -> None:
    """Note the chains that results carry; mostly none does."""
    rows = [
        {
            "site_id": numbers.sites[result.site],
            "region_id": numbers.regions[result.region],
            "slot_at": result.slot_at,
            "chain": certificates_as_dicts(result.certificates),
        }
        for result in results
        if result.certificates
    ]
    if rows:
        cursor.execute(_sql["note_chains"], {"chains": msgspec.json.encode(rows).decode()})


def forget_chains(cursor: Cursor, before: datetime) -> None:
    """Forget those that were told of for the last time before a moment, and all but the newest `MOST_KEPT`."""
    cursor.execute(_sql["forget_chains"], {"before": before, "most": MOST_KEPT})
