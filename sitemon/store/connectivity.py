"""Which regions are offline, and what they saw last."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.incident.connectivity import NETWORK_REASONS, Outage, Reference, Seen
from sitemon.store.queries import load_queries
from sitemon.store.recent import make_recent_due
from sitemon.store.watermarks import lock_alone

_sql: Final = load_queries("connectivity.sql")

LOOKED_AT_WITHIN: Final = timedelta(minutes=2)
"""What a region has not looked at for longer than this, before its newest result, says nothing of its network."""


class Connectivity:
    """The outages of regions, within a transaction of somebody who decides on sites.

    `unnoted` are those that are known, as a whole or their end, and could not be noted yet.
    """

    def __init__(self, cursor: Cursor) -> None:
        self.unnoted: Sequence[Outage] = ()
        self._cursor = cursor

    def offline(self) -> list[str]:
        """Return the regions that are offline."""
        return [region for (region,) in self._all("offline")]

    def newest_outages(self, regions: Collection[str]) -> dict[str, Outage]:
        """Return the last outage of each of these regions, of those that had any."""
        return {row[0]: Outage._make(row) for row in self._all("newest_outages", regions=[*regions])}

    def outages(self, since: Mapping[str, datetime]) -> list[Outage]:
        """Return the outages of these regions that may cover slots since these moments, also those not noted yet."""
        noted = self._all("outages", regions=[*since], since_at=[*since.values()]) if since else ()
        found = [*map(Outage._make, noted), *(one for one in self.unnoted if one.region in since)]
        return [*{(one.region, one.from_at): one for one in found}.values()]

    def seen(self, region: str) -> list[Seen]:
        """Return what a region saw last of each site that it has just looked at."""
        found = self._all("seen", region=region, within=LOOKED_AT_WITHIN, reasons=[*NETWORK_REASONS])
        return [Seen._make(row) for row in found]

    def references(self, region: str, names: Sequence[str], since: datetime) -> list[Reference]:
        """Return what workers of a region found of reference sites, the newest of each, asked for since a moment."""
        found = self._all("references", region=region, names=list(names), since=since, reasons=[*NETWORK_REASONS])
        return [Reference._make(row) for row in found]

    def last_failing_reference(self, region: str, names: Sequence[str], since: datetime) -> datetime | None:
        """Return when workers of a region last failed to reach one of its reference sites, since a moment."""
        values = {"region": region, "names": list(names), "since": since, "reasons": [*NETWORK_REASONS]}
        failed_at: datetime | None
        ((failed_at,),) = self._all("last_failing_reference", **values)
        return failed_at

    def scheduled_first(self, most: int) -> set[str]:
        """Return the regions in the schedule of which something was known before that of all others."""
        return {name for (name,) in self._all("scheduled_first", most=most)}

    def just_cut(self, regions: Collection[str]) -> dict[str, int]:
        """Return how many sites have just begun to fail for a reason of the network, in regions where some have."""
        found = self._all("cut", regions=[*regions], within=LOOKED_AT_WITHIN, reasons=[*NETWORK_REASONS])
        return dict(found)

    def be_alone(self) -> None:
        """Let no batch be written until the transaction ends; this fails where a batch takes too long for that."""
        lock_alone(self._cursor)

    def begin(self, region: str, from_at: datetime) -> bool:
        """Note that a region is offline; return False where another alerter has noted it already.

        What it saw since has to be decided anew, and what it could not reach counts as missed. Only for who is alone.
        """
        is_new = bool(self._all("begin_outage", region=region, from_at=from_at))
        if is_new:
            self._count_anew(region, from_at, sign=1)
            self.decide_anew(region, from_at)
        return is_new

    def end(self, region: str, until_at: datetime) -> bool:
        """Note that a region is online again, as `begin` does; what it does not reach since then is down."""
        is_new = bool(self._all("end_outage", region=region, until_at=until_at))
        if is_new:
            self._count_anew(region, until_at, sign=-1)
            self.decide_anew(region, until_at)
        return is_new

    def _count_anew(self, region: str, from_at: datetime, sign: int) -> None:
        ((is_any,),) = self._all("move_unreached", region=region, from_at=from_at, sign=sign)
        if is_any:
            self._cursor.execute(_sql["forget_empty"], {"from_at": from_at})
            make_recent_due(self._cursor)

    def decide_anew(self, region: str, from_at: datetime) -> None:
        """Have it decided anew what the region saw since a moment."""
        self._cursor.execute(_sql["decide_anew"], {"region": region, "from_at": from_at})

    def _all(self, name: str, **values: object) -> list[Any]:
        self._cursor.execute(_sql[name], values)
        return self._cursor.fetchall()
