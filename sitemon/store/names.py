"""The numbers that rows hold instead of names: of sites, regions, targets and reasons."""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.outcome import REASONS, Reason
from sitemon.model.result import Result
from sitemon.store.queries import load_queries

_sql: Final = load_queries("names.sql")

_CACHE_LIMIT: Final = 1_000_000
_CACHE_BYTES: Final = 128 << 20
"""500,000 sites have so many names and targets, whose texts take about 100 MB."""

Target = tuple[str, str, str | None]
"""A site's name, URL and regex."""

WatchId = tuple[int, int]
"""The numbers of a site and of a region."""


class Numbers(NamedTuple):
    """What a name is in the database."""

    sites: dict[str, int]
    regions: dict[str, int]
    targets: dict[Target, int]
    reasons: dict[str, int]


class Names:
    """The numbers of one connection's database, looked up or made, and kept.

    What a transaction made may be rolled back, so it is kept only once `keep` says that it was committed; `begin`
    forgets what was not. One object belongs to one connection: the next may lead to a database made anew. `recorder` is
    what the one who has the connection is called in its tally.
    """

    def __init__(self, recorder: str = "") -> None:
        self.recorder = recorder
        self._kept = Numbers({}, {}, {}, {})
        self._new = Numbers({}, {}, {}, {})
        self._kept_bytes = 0

    def begin(self) -> None:
        """Forget what an unfinished transaction made."""
        self._new = Numbers({}, {}, {}, {})

    def resolve(self, cursor: Cursor, results: Sequence[Result]) -> Numbers:
        """Return all numbers that the results need, after making those that are missing."""
        missing = {(result.site, result.url, result.match) for result in results}.difference(self._kept.targets)
        sites = self.sites(cursor, {site for site, _, _ in missing})
        regions = self.regions(cursor, {result.region for result in results})
        return Numbers(sites, regions, self._targets(cursor, missing, sites), self._reasons(cursor))

    def sites(self, cursor: Cursor, names: Iterable[str]) -> dict[str, int]:
        """Return the sites' numbers."""
        return self._named(cursor, "sites", names, self._kept.sites, self._new.sites)

    def regions(self, cursor: Cursor, names: Iterable[str]) -> dict[str, int]:
        """Return the regions' numbers."""
        return self._named(cursor, "regions", names, self._kept.regions, self._new.regions)

    def keep(self) -> None:
        """Keep what was resolved: its transaction is committed."""
        new_bytes = sum(map(sys.getsizeof, _texts(self._new)))
        names: Iterable[Collection[object]] = (*self._kept, *self._new)
        if sum(map(len, names)) > _CACHE_LIMIT or self._kept_bytes + new_bytes > _CACHE_BYTES:
            # Names of bare URLs have no end; starting over now and then is cheaper than counting uses.
            self._kept, self._kept_bytes = Numbers({}, {}, {}, {}), 0
        self._kept_bytes += new_bytes
        self._kept.sites.update(self._new.sites)
        self._kept.regions.update(self._new.regions)
        self._kept.targets.update(self._new.targets)
        self._kept.reasons.update(self._new.reasons)

    @staticmethod
    def _named(
        cursor: Cursor, table: str, names: Iterable[str], kept: dict[str, int], new: dict[str, int]
    ) -> dict[str, int]:
        missing = [name for name in names if name not in kept]
        if not missing:
            return kept
        cursor.execute(_sql[f"add_{table}"], {"names": missing})
        cursor.execute(_sql[f"find_{table}"], {"names": missing})
        new.update((sys.intern(name), number) for name, number in cursor.fetchall())
        return kept | new

    def _targets(self, cursor: Cursor, missing: set[Target], sites: Mapping[str, int]) -> dict[Target, int]:
        if not missing:
            return self._kept.targets
        names, urls, matches = zip(*missing, strict=True)
        values = {"site_ids": [sites[name] for name in names], "urls": list(urls), "matches": list(matches)}
        cursor.execute(_sql["add_targets"], values)
        cursor.execute(_sql["find_targets"], values)
        name_of = dict(zip(values["site_ids"], map(sys.intern, names), strict=True))
        self._new.targets.update(
            {(name_of[site], url, match): number for site, url, match, number in cursor.fetchall()}
        )
        return self._kept.targets | self._new.targets

    def _reasons(self, cursor: Cursor) -> dict[str, int]:
        if self._kept.reasons:
            return self._kept.reasons
        cursor.execute(_sql["find_reasons"])
        self._new.reasons.update(cursor.fetchall())
        unknown = [reason for reason in Reason if reason not in self._new.reasons]
        if unknown:
            outcomes, meanings = zip(*(REASONS[reason] for reason in unknown), strict=True)
            values = {"names": unknown, "outcomes": list(outcomes), "meanings": list(meanings)}
            cursor.execute(_sql["add_reasons"], values)
            cursor.execute(_sql["find_reasons"])
            self._new.reasons.update(cursor.fetchall())
        return self._new.reasons


def _texts(numbers: Numbers) -> Iterator[str]:
    yield from (*numbers.sites, *numbers.regions)
    for _, url, match in numbers.targets:
        yield from (url, match or "")


def columns_of(watches: Iterable[WatchId]) -> dict[str, list[int]]:
    """Return watches, sorted, as two columns for a query."""
    ordered = sorted(watches)
    return {"site_ids": [site_id for site_id, _ in ordered], "region_ids": [region_id for _, region_id in ordered]}
