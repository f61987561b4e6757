"""Chains of certificates, and how many are kept: a result that carries one says that it was there in its slot."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.result import Result, certificates_as_dicts
from sitemon.store.names import Numbers, columns_of
from sitemon.store.queries import load_queries

_sql: Final = load_queries("chains.sql")

MOST_KEPT: Final = 100
"""Of a site in a region. A server that makes a certificate for each visit would fill the disk with them in a year."""


def note_chains(cursor: Cursor, results: Iterable[Result], numbers: Numbers) -> None:
    """Note the chains that results carry; mostly none does. Where one is new, all but the newest `MOST_KEPT` go."""
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
    if not rows:
        return
    cursor.execute(_sql["note_chains"], {"chains": msgspec.json.encode(rows).decode()})
    new = {(site_id, region_id) for site_id, region_id, is_new in cursor.fetchall() if is_new}
    if new:
        cursor.execute(_sql["forget_crowded"], {**columns_of(new), "most": MOST_KEPT})


def forget_old_chains(cursor: Cursor, before: datetime) -> None:
    """Forget some of those that were told of for the last time before a moment; in the end, all of them."""
    cursor.execute(_sql["forget_old"], {"before": before})
