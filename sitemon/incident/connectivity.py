"""Whether a region is offline: where most of what it looks at fails at once, its network is to blame. Pure."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from sitemon.incident.rows import Row
from sitemon.model.outcome import Outcome, Reason

NETWORK_REASONS: Final = frozenset({Reason.DNS_ERROR, Reason.CONNECT_ERROR, Reason.TIMEOUT})
LEAST_HOSTS: Final = 5
"""Of fewer that fail at once it is believed that they are down."""

_LEAST_WELL: Final = 2
_PAUSE: Final = timedelta(minutes=10)
"""What began to fail longer than this before all that fails at once has a cause of its own."""


class Seen(NamedTuple):
    """The newest result of a site from the region, and since when its outcome is what it is.

    `is_cut`: it failed for a reason of the network. `host` is that of the site, with its port.
    """

    host: str
    slot_at: datetime
    since_at: datetime
    is_cut: bool


class Reference(NamedTuple):
    """The newest result of a reference site, which is asked for when sites begin to fail for reasons of the network."""

    slot_at: datetime
    is_cut: bool


class Turn(NamedTuple):
    """From when on the region is offline, or online again: so many hosts of those that it looked at since say so."""

    at: datetime
    hosts: int
    of: int


class Outage(NamedTuple):
    """A region was offline from one slot to before another one, which is None while it is."""

    region: str
    from_at: datetime
    until_at: datetime | None = None

    def covers(self, row: Row) -> bool:
        """Tell whether a row was seen by a region that was offline."""
        is_within = self.from_at <= row.slot_at and (self.until_at is None or row.slot_at < self.until_at)
        return is_within and row.region == self.region


class Outages:
    """Outages, of which no two of a region overlap: which of them covers a row is looked up."""

    def __init__(self, outages: Iterable[Outage]) -> None:
        self._by_region: defaultdict[str, list[Outage]] = defaultdict(list)
        for one in sorted(outages, key=_beginning):
            self._by_region[one.region].append(one)

    def cover(self, row: Row) -> bool:
        """Tell whether a row was seen by a region that was offline."""
        of_region = self._by_region.get(row.region, [])
        place = bisect_right(of_region, row.slot_at, key=_beginning)
        return place > 0 and of_region[place - 1].covers(row)


def _beginning(outage: Outage) -> datetime:
    return outage.from_at


def gone_offline(seen: Sequence[Seen], online_since: datetime | None) -> Turn | None:
    """Return from when on most hosts that were well failed for a reason of the network, if they did at once.

    What began to fail before the region was online again, if it was offline, says nothing anew.
    """
    begun = [one.since_at for one in seen if one.is_cut and (online_since is None or one.since_at >= online_since)]
    for moment in _moments(begun, LEAST_HOSTS):
        if _turn_at(moment, seen):
            first = _first_of_run(begun, moment)
            turns = (_turn_at(one, seen) for one in _moments([one for one in begun if one >= first], LEAST_HOSTS))
            return [turn for turn in turns if turn][-1]
    return None


def _turn_at(moment: datetime, seen: Sequence[Seen]) -> Turn | None:
    """Return that a region is offline since a moment, if most hosts that it looked at began to fail since then."""
    looked_at = [one for one in seen if one.slot_at >= moment and not (one.is_cut and one.since_at < moment)]
    cut, hosts = _hosts(one for one in looked_at if one.is_cut), _hosts(looked_at)
    return Turn(moment, cut, hosts) if cut >= LEAST_HOSTS and 2 * cut > hosts else None


def _first_of_run(moments: Iterable[datetime], of: datetime) -> datetime:
    """Return the first of the moments that follow each other without a pause up to one of them."""
    for moment in sorted((moment for moment in moments if moment < of), reverse=True):
        if of - moment > _PAUSE:
            break
        of = moment
    return of


def cut_since(seen: Sequence[Seen], online_since: datetime | None) -> datetime | None:
    """Return when the first of the sites that the region cannot reach began to fail, since it was online again."""
    begun = [one.since_at for one in seen if one.is_cut and (online_since is None or one.since_at >= online_since)]
    return min(begun, default=None)


def say_offline(references: Sequence[Reference]) -> bool | None:
    """Tell whether most reference sites cannot be reached either; None: nothing is known of them."""
    return 2 * sum(one.is_cut for one in references) > len(references) if references else None


def back_online(seen: Sequence[Seen], offline_since: datetime) -> Turn | None:
    """Return from when on most hosts that were looked at are well again; None while the region is offline."""
    found = None
    since = [one.since_at for one in seen if not one.is_cut and one.since_at > offline_since]
    for moment in _moments(since, _LEAST_WELL):
        looked_at = [one for one in seen if one.slot_at >= moment]
        well, hosts = _hosts(one for one in looked_at if not one.is_cut), _hosts(looked_at)
        if well >= _LEAST_WELL and 2 * well > hosts:
            found = Turn(moment, well, hosts)
    return found


def _moments(moments: Sequence[datetime], least: int) -> Iterator[datetime]:
    """Yield moments since which at least so many of these lie, newest first; of many, ever fewer: each is looked at."""
    newest_first, place = sorted(moments, reverse=True), least
    while place <= len(newest_first):
        yield newest_first[place - 1]
        place = len(newest_first) if place < len(newest_first) < place * 3 // 2 else max(place + 1, place * 3 // 2)


def is_cut(row: Row) -> bool:
    """Tell whether the region's own network may be to blame."""
    return row.is_failure and row.cause.reason in NETWORK_REASONS


def without_outages(rows: Iterable[Row], outages: Outages) -> Iterator[Row]:
    """Yield the rows, in which a region that was offline has no view of what it could not reach."""
    for row in rows:
        if is_cut(row) and outages.cover(row):
            yield msgspec.structs.replace(row, outcome=Outcome.MISSED, is_blind=True)
        else:
            yield row


def _hosts(seen: Iterable[Seen]) -> int:
    return len({one.host for one in seen})
