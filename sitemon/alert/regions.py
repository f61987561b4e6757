"""Looks whether regions are offline, before anybody is told that their sites are down."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sitemon import clock
from sitemon.alert.failing import FailingParts
from sitemon.alert.links import linked
from sitemon.alert.own_events import region_event
from sitemon.alert.unnoted import Unnoted
from sitemon.backoff import Backoff
from sitemon.incident.connectivity import LEAST_HOSTS, Outage, Turn, back_online, cut_since, gone_offline, say_offline
from sitemon.model.alerts import NO_FILE, Alerts
from sitemon.model.site import name_of_url
from sitemon.store.connect import Connection
from sitemon.store.connectivity import Connectivity
from sitemon.store.deciding import Deciding, Saying, begin_deciding
from sitemon.store.errors import LockTimeoutError

log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 0.5
_LATELY: Final = timedelta(seconds=30)
"""Reference sites that were asked for so lately, and reached, say that a region is online."""

_SHARE: Final = 10
"""To look takes a tenth of the time at most: with 100,000 sites that fail it takes longer than what it is for."""

_NOTE_REST_S: Final = 40.0
"""After what could not be noted: to wait for that in vain, which takes 4 s, keeps everybody from recording too."""

_REST: Final = Backoff(first_s=_NOTE_REST_S, longest_s=600.0)
"""For what fails of one region by itself."""

_MOST_UNNAMED: Final = 20
"""Of regions that no configured site names, and the schedule does: whoever may write to it could invent any number."""


def unnamed_regions(connectivity: Connectivity, alerts: Alerts) -> set[str]:
    """Return the regions of which people hear though no configured site names them."""
    return connectivity.scheduled_first(_MOST_UNNAMED) | alerts.references.keys()


class Regions:
    """The regions from which sites are seen. What becomes of them is said once, in the transaction that notes it.

    `suspected` gets a region's name when it is worth asking for its reference sites. Where others may add sites, only
    these decide (not `by_sites`): who adds many that fail at once would silence all others, and who adds some that are
    well would have all others told as down.
    """

    def __init__(self, alerts: Callable[[], Alerts], now: Callable[[], datetime], *, by_sites: bool) -> None:
        self.suspected: set[str] = set()
        self._alerts = alerts
        self._now = now
        self._by_sites = by_sites
        self._look_at_s = 0.0
        self._note_at_s = 0.0
        self._has_found = False
        self._unnoted = Unnoted()
        self._failing = FailingParts[str](_REST, "what became of region {}".format)
        self._failing_anew = FailingParts[str](_REST, "sites of region {}, by what became of it".format)

    def look(self, deciding: Deciding, named: Collection[str], unnamed: Collection[str] = ()) -> bool:
        """Look at these regions, if it is time to; return whether something was found that `note` is to note.

        What is left to be noted is among the outages of `deciding`. No configured site names the `unnamed`: of these,
        at those with reference sites and some in the schedule.
        """
        begun_s, found = clock.monotonic_s(), False
        if begun_s >= self._look_at_s and (named or unnamed):
            connectivity = deciding.connectivity
            regions = {*named, *self._worth_a_look(connectivity, {*unnamed})}
            last = connectivity.newest_outages(regions) if regions else {}
            known = {region: self._unnoted.left_of(region, last.get(region)) for region in regions}
            online = {region for region, outage in known.items() if outage is None or outage.until_at is not None}
            just_cut = connectivity.just_cut(online) if online else {}
            for region in regions:
                found |= self._look_at(connectivity, region, just_cut.get(region, 0), known[region])
            took_s = clock.monotonic_s() - begun_s
            self._look_at_s = begun_s + max(_LOOK_EVERY_S, _SHARE * took_s)
            self._has_found = found
        deciding.connectivity.unnoted = self._unnoted.held(clock.monotonic_s())
        return found

    def note(self, conn: Connection) -> None:
        """Note what was found, and tell of it; where that cannot be now, have sites decided anew by it all the same.

        Until it is noted it is known to this alerter alone.

        Raises:
            RetryableError: of which `sitemon.store.failing.is_of_server` says so.

        """
        if clock.monotonic_s() >= self._note_at_s:
            become = [one.region for one in self._unnoted.of(sorted(self._unnoted)) if one.turn]
            self._failing.each(become, partial(self._note, conn))
        self._failing_anew.each(sorted(self._unnoted), partial(self._put_off, conn))
        if self._has_found:
            # Before the next look some sites are decided, however long it took to note that.
            self._has_found, self._look_at_s = False, max(self._look_at_s, clock.monotonic_s() + _LOOK_EVERY_S)

    def unnoted(self) -> set[str]:
        """Return the regions of which something is left to be noted."""
        return {*self._unnoted}

    def _worth_a_look(self, connectivity: Connectivity, unnamed: set[str]) -> set[str]:
        if not unnamed:
            return set()
        return unnamed & unnamed_regions(connectivity, self._alerts())

    def _look_at(self, connectivity: Connectivity, region: str, just_cut: int, last: Outage | None) -> bool:
        if last is not None and last.until_at is None:
            self._ask(region)
            if turn := self._back_online(connectivity, region, last.from_at):
                self._unnoted.online(region, last.from_at, turn)
        elif turn := self._gone_offline(connectivity, region, just_cut, last and last.until_at):
            self._unnoted.offline(region, turn, clock.monotonic_s())
        return turn is not None

    def _note(self, conn: Connection, regions: Sequence[str]) -> None:
        try:
            with begin_deciding(conn) as deciding:
                connectivity = deciding.connectivity
                connectivity.be_alone()
                last = connectivity.newest_outages(regions)
                for region in regions:
                    # Another alerter may have noted it since the last look.
                    self._unnoted.left_of(region, last.get(region))
                for region, from_at, gone, back, _ in self._unnoted.of(regions):
                    if gone and connectivity.begin(region, gone.at):
                        log.warning(
                            "alerter.region_offline: %s: %s of %s hosts fail at once", region, gone.hosts, gone.of
                        )
                        self._say(deciding, region_event(region, gone, from_at, self._now()))
                    if back and connectivity.end(region, back.at):
                        log.warning("alerter.region_online: %s, since %s", region, back.at)
                        self._say(deciding, region_event(region, back, from_at, self._now()))
        except LockTimeoutError:
            self._note_at_s = clock.monotonic_s() + _NOTE_REST_S
        else:
            self._unnoted.noted(regions)

    def _put_off(self, conn: Connection, regions: Sequence[str]) -> None:
        anew = self._unnoted.put_off(regions, clock.monotonic_s())
        if not anew:
            return
        with begin_deciding(conn) as deciding:
            for one in anew:
                deciding.connectivity.decide_anew(one.region, one.since)
        self._unnoted.decided_anew(anew)
        for outage in (one.outage for one in anew if one.outage):
            log.warning(
                "alerter.region_not_noted: %s seems %s since %s, which cannot be noted now",
                outage.region,
                "online" if outage.until_at else "offline",
                outage.until_at or outage.from_at,
            )

    def _gone_offline(
        self, connectivity: Connectivity, region: str, just_cut: int, online_since: datetime | None
    ) -> Turn | None:
        urls = self._alerts().references.get(region, ())
        if not just_cut or (just_cut < LEAST_HOSTS and not urls):
            return None
        seen = connectivity.seen(region)
        since = cut_since(seen, online_since)
        if since is not None and urls:
            self._ask(region)
            references = connectivity.references(region, [name_of_url(url) for url in urls], since)
            is_offline = say_offline(references)
            if is_offline is not None:
                return Turn(since, sum(one.is_cut for one in references), len(references)) if is_offline else None
        return gone_offline(seen, online_since) if self._by_sites else None

    def _back_online(self, connectivity: Connectivity, region: str, offline_since: datetime) -> Turn | None:
        """Return from when on it is online. Where reference sites say that it is, sites may say since when.

        But not before a reference site failed: these are asked for only while an alerter is there. Else it is online
        from now on: what was asked for may have waited for seconds in a queue.
        """
        names = [name_of_url(url) for url in self._alerts().references.get(region, ())]
        turn = back_online(connectivity.seen(region), offline_since) if self._by_sites or not names else None
        if turn or not names:
            return turn
        at = self._now()
        references = connectivity.references(region, names, max(offline_since, at - _LATELY))
        if say_offline(references) is not False:
            return None
        if since := back_online(connectivity.seen(region), offline_since):
            failed_at = connectivity.last_failing_reference(region, names, offline_since)
            at = min(at, max(since.at, failed_at or offline_since))
        return Turn(at, sum(not one.is_cut for one in references), len(references))

    def _ask(self, region: str) -> None:
        if self._alerts().references.get(region):
            self.suspected.add(region)

    def _say(self, deciding: Deciding, event: Mapping[str, Any]) -> None:
        alerts = self._alerts()
        said = linked(event, alerts.page_url)
        deciding.say(Saying(channel, None, said, 0.0, NO_FILE) for channel in alerts.channels_hearing("region"))
