"""Sites in regions, by ranges of so many: of all that there are, some after the other."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.store.queries import load_queries

_sql: Final = load_queries("places.sql")

_AT_ONCE: Final = 2_000
"""So many sites in regions are in a range at most. Of each there may be thousands of rows."""

FIRST: Final = (0, 0)
LAST: Final = (2**31 - 1, 2**31 - 1)


class Range(NamedTuple):
    """Sites in regions: those after one, up to another one."""

    after_site_id: int
    after_region_id: int
    last_site_id: int
    last_region_id: int

    @property
    def last(self) -> tuple[int, int]:
        """Return the last one."""
        return self.last_site_id, self.last_region_id


EVERYWHERE: Final = Range(*FIRST, *LAST)


def ranges(cursor: Cursor) -> Iterator[Range]:
    """Yield ranges in which all are, one after the other."""
    last = FIRST
    while last != LAST:
        within = next_range(cursor, last)
        yield within
        last = within.last


def next_range(cursor: Cursor, after: tuple[int, int]) -> Range:
    """Return the range after one; the last one ends with `LAST`."""
    cursor.execute(_sql["next_place"], {"site_id": after[0], "region_id": after[1], "most": _AT_ONCE})
    ((site_id, region_id),) = cursor.fetchall() or (LAST,)
    return Range(*after, site_id, region_id)
