"""Decides on sites of which rows changed: incidents, what is kept of them, and the outbox, in one transaction."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

from sitemon import clock
from sitemon.alert.announce import announce
from sitemon.alert.begun import begin
from sitemon.alert.certificates import warn_of_certificates
from sitemon.alert.degraded import tell_degraded
from sitemon.alert.failing import FailingParts, say_failed
from sitemon.alert.held import release
from sitemon.alert.regions import Regions
from sitemon.alert.reminders import remind
from sitemon.alert.rules import MOST_REGIONS, NOBODY, SiteRules, is_gone, is_of_before, ours
from sitemon.alert.waiting import Waiting
from sitemon.backoff import Backoff
from sitemon.incident.change import Change, What, changes
from sitemon.incident.confirming import wanted
from sitemon.incident.gone import ended
from sitemon.incident.summary import degraded, summary
from sitemon.model.alerts import Alerts
from sitemon.schedule.slots import LATE_GRACE_MS
from sitemon.store.certificate import Named, certificate_sites
from sitemon.store.connect import Connection
from sitemon.store.deciding import begin_deciding
from sitemon.store.degraded import degraded_numbers
from sitemon.store.failing import is_of_server
from sitemon.store.gone import have_decided, lasting_sites
from sitemon.store.held import held_numbers
from sitemon.store.incident import Open, Taken, Undecided, open_numbers, take_site, take_sites
from sitemon.store.states import Decided

_SITES_AT_ONCE: Final = 200
_FEWEST_AT_ONCE: Final = 20
_TURN_S: Final = 1.0
"""Where it takes longer to decide on some sites, the next are half as many: who comes meanwhile waits for these."""

_INCIDENTS_AT_ONCE: Final = 200
_FIRST: Final = Open(0, 0)
_HELD_OF_A_SITE: Final = 20
_LASTING_AT_ONCE: Final = 1_000
_TOLD_AT_ONCE: Final = 1_000
"""Of more changes, the words of sites in their events take an alerter's memory."""

_GRACE: Final = timedelta(milliseconds=LATE_GRACE_MS)
"""Workers make no confirming check that is later."""


_REST: Final = Backoff(first_s=5.0, longest_s=600.0)
"""For what fails by itself: a statement that takes too long has taken a minute, in which all others waited."""


class Decider:
    """Decides by these rules and routes; `rules_of` gives those of a site by its name.

    `suspected` gets the names of regions whose reference sites are worth asking for. `by_sites`: sites, too, may say
    that a region is offline.
    """

    def __init__(
        self,
        rules_of: Callable[[str], SiteRules],
        alerts: Alerts,
        now: Callable[[], datetime],
        *,
        by_sites: bool = True,
    ) -> None:
        self._rules_of = rules_of
        self._alerts = alerts
        self._now = now
        self._regions = Regions(lambda: self._alerts, now, by_sites=by_sites)
        self.suspected = self._regions.suspected
        self._open_after = _FIRST
        self._held: list[int] = []
        self._lasting_after = 0
        self._degraded_after = 0
        self._certificates_after = 0
        self._warnings_of_others = Counter[bool]()
        self._waiting = Waiting(lambda name: self._rules_of(name).file)
        self._at_once = _SITES_AT_ONCE
        self._apart: dict[str, dict[Undecided, None]] = {}
        self._failing = FailingParts[Undecided](_REST, lambda one: f"decisions on site {one.name}")
        self._failing_news = FailingParts[int](_REST, "news of incident {}".format)
        self._failing_certificates = FailingParts[Named](_REST, lambda one: f"certificates of site {one.name}")
        self._failing_degraded = FailingParts[int](_REST, "that the site of number {} is degraded".format)

    def use(self, alerts: Alerts) -> None:
        """Decide by other routes from now on."""
        self._alerts = alerts

    def decide(self, conn: Connection, most: int = _SITES_AT_ONCE) -> int:
        """Decide on some sites of which something is to decide, by turns of their files; return how many they were.

        Those with many rows are decided apart, one each time; and so are those of which a decision failed.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says; nothing further is decided then.

        """
        self._put_apart([one for one in self._failing if not self._failing.is_resting(one)])
        count = self._decide_some(conn, most)
        self._regions.note(conn)
        if self._apart:
            one = self._next_apart()
            with self._failing.trying(one), take_site(conn, one.site_id) as taken:
                if taken.changed_from:
                    self._decide(taken, is_apart=True)
            self._regions.note(conn)
            count += 1
        return count

    def _decide_some(self, conn: Connection, most: int) -> int:
        """Decide on some sites at once; where that fails, leave them to be decided apart: it may be for one of them."""
        self._waiting.look(conn)
        but = {*self._by_themselves()}
        began_s = clock.monotonic_s()
        while some := self._waiting.next(min(most, self._at_once), but):
            count = self._decide_on(conn, some)
            # Else another alerter has them.
            if count:
                is_long = clock.monotonic_s() - began_s > _TURN_S
                wanted = self._at_once // 2 if is_long else self._at_once * 2
                self._at_once = min(max(wanted, _FEWEST_AT_ONCE), _SITES_AT_ONCE)
                return count
        return 0

    def _decide_on(self, conn: Connection, some: Sequence[Undecided]) -> int:
        sites: list[Undecided] = []
        try:
            with take_sites(conn, [one.site_id for one in some]) as taken:
                sites += map(Undecided._make, taken.names.items())
                if taken.changed_from:
                    self._decide(taken, is_apart=False)
        except Exception as exc:
            if is_of_server(exc) or not sites:
                raise
            say_failed(f"decisions on {len(sites)} sites at once", exc)
            self._put_apart(sites)
        return len(sites)

    def _by_themselves(self) -> Iterable[Undecided]:
        return chain(self._failing, *self._apart.values())

    def look_at_regions(self, conn: Connection) -> None:
        """Look whether regions that are offline are online again: of sites that are well there is nothing to decide.

        And note what they became, also what could not be noted when it was found.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

        """
        with begin_deciding(conn) as deciding:
            self._regions.look(deciding, {*deciding.connectivity.offline()} | self._regions.unnoted())
        self._regions.note(conn)

    def remind(self, conn: Connection) -> bool:
        """Tell of open incidents of which nobody knows: those who have heard nothing for long enough, and further ones.

        They are looked at by turns, some at a time; return whether others are left of this turn.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says; nobody is told then.

        """
        found = open_numbers(conn, self._open_after, _INCIDENTS_AT_ONCE)
        self._open_after = found[-1] if len(found) == _INCIDENTS_AT_ONCE else _FIRST
        numbers = [one.number for one in found]
        self._failing_news.each(numbers, lambda some: remind(conn, some, self._rules_of, self._alerts, self._now()))
        return self._open_after != _FIRST

    def release(self, conn: Connection) -> bool:
        """Tell of incidents of sites that depend on others, where it is known that they do not lie behind those.

        They are looked at by turns, some at a time; return whether others are left of this turn.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says; nobody is told then.

        """
        waiting = self._held or held_numbers(conn, _HELD_OF_A_SITE)
        numbers, self._held = waiting[:_INCIDENTS_AT_ONCE], waiting[_INCIDENTS_AT_ONCE:]
        self._failing_news.each(numbers, lambda some: release(conn, some, self._rules_of, self._alerts, self._now()))
        return bool(self._held)

    def end_gone(self, conn: Connection) -> bool:
        """Have incidents end of sites that were taken out, and that they are degraded, once that is certain.

        Sites of which something lasts are looked at by turns, some at a time; return whether others are left of this
        turn.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

        """
        lasting, now = lasting_sites(conn, self._lasting_after, _LASTING_AT_ONCE), self._now()
        have_decided(conn, [one.site_id for one in lasting if is_gone(self._rules_of(one.name), now)])
        self._lasting_after = lasting[-1].site_id if len(lasting) == _LASTING_AT_ONCE else 0
        return bool(self._lasting_after)

    def warn_of_certificates(self, conn: Connection) -> bool:
        """Warn of certificates that expire soon, once for each threshold.

        Sites are looked at by turns, some at a time; return whether others are left of this turn.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says; nobody is warned then.

        """
        if not self._certificates_after:
            self._warnings_of_others.clear()
        found = certificate_sites(conn, self._certificates_after, _SITES_AT_ONCE)
        self._certificates_after = found[-1].site_id if len(found) == _SITES_AT_ONCE else 0
        self._failing_certificates.each(
            found,
            lambda some: warn_of_certificates(
                conn, some, self._rules_of, self._alerts, self._now(), others=self._warnings_of_others
            ),
        )
        return bool(self._certificates_after)

    def tell_degraded(self, conn: Connection) -> bool:
        """Tell of sites that are degraded, and of those that are no more.

        They are looked at by turns, some at a time; return whether others are left of this turn.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says; nobody is told then.

        """
        found = degraded_numbers(conn, self._degraded_after, _SITES_AT_ONCE)
        self._degraded_after = found[-1] if len(found) == _SITES_AT_ONCE else 0
        self._failing_degraded.each(
            found, lambda some: tell_degraded(conn, some, self._rules_of, self._alerts, self._now())
        )
        return bool(self._degraded_after)

    def _decide(self, taken: Taken, *, is_apart: bool) -> None:
        rules = {site_id: self._rules_of(taken.names[site_id]) for site_id in taken.changed_from}
        if self._look_at_regions_of(taken, rules):
            # Noted first: people hear of a region before its sites, and who is killed has decided nothing by it.
            taken.put_off([*taken.changed_from])
            return
        rules |= self._crowded(taken, rules)
        now = self._now()
        scheduled = taken.scheduled([site_id for site_id, one in rules.items() if not one.is_configured])
        policies = taken.policies(
            {site_id: None if site_id in scheduled else one.policy for site_id, one in rules.items()}, now
        )
        begun, crowded = begin(taken, rules, policies, is_apart=is_apart)
        self._put_apart(Undecided(site_id, taken.names[site_id]) for site_id in crowded)
        if not begun:
            return
        refolded = {
            site_id: one.refolded(policies[site_id], rules[site_id].folded_again) for site_id, one in begun.items()
        }
        gone = {
            site_id: left_at
            for site_id, left_at in scheduled.items()
            if left_at is not None and site_id in begun and is_gone(rules[site_id], now)
        }
        cut = {(n, last.started_at) for n in gone if (last := refolded[n].state.incident)}
        refolded |= {n: ended(refolded[n], left_at, begun[n].newest_at) for n, left_at in gone.items()}
        taken_out = gone.keys() | {
            site_id
            for site_id in scheduled.keys() & begun.keys()
            if is_of_before(rules[site_id], begun[site_id].newest_at)
        }
        stored = taken.incidents({site_id: one.since for site_id, one in refolded.items()})
        changed = [
            (site_id, change) for site_id, one in refolded.items() for change in changes(stored[site_id], one.incidents)
        ]
        self._say(taken, rules, changed, taken_out, now, cut=cut)
        taken.let_go(list(gone))
        taken.remember({site_id: one.kept for site_id, one in refolded.items()})
        taken.confirm(
            {
                site_id: wanted(policies[site_id].at(now), one.state, begun[site_id].rows, now, _GRACE)
                for site_id, one in refolded.items()
                if rules[site_id].confirm
            }
        )
        taken.note_states(
            {
                site_id: Decided(
                    summary(one.state, one.incidents[-1] if one.incidents else None),
                    begun[site_id].newest_at,
                    degraded(one.state),
                    left_at=gone.get(site_id),
                )
                for site_id, one in refolded.items()
            }
        )

    def _look_at_regions_of(self, taken: Taken, rules: Mapping[int, SiteRules]) -> bool:
        named: set[str] = set()
        unnamed: set[str] = set()
        for site_id, one in rules.items():
            (unnamed if one.regions is None else named).update(ours(taken.regions[site_id], one))
        return self._regions.look(taken, named, unnamed)

    def _crowded(self, taken: Taken, rules: Mapping[int, SiteRules]) -> dict[int, SiteRules]:
        """Return rules by which some regions count, of sites that no configuration has and very many look at."""
        crowded = [
            site_id
            for site_id, one in rules.items()
            if one.regions is None and len(taken.regions[site_id]) > MOST_REGIONS
        ]
        few = taken.few_regions(crowded, self._alerts.references, MOST_REGIONS)
        return {site_id: rules[site_id]._replace(regions=frozenset(regions)) for site_id, regions in few.items()}

    def _say(
        self,
        taken: Taken,
        rules: Mapping[int, SiteRules],
        changed: Sequence[tuple[int, Change[int]]],
        taken_out: Collection[int],
        now: datetime,
        *,
        cut: Collection[tuple[int, datetime]],
    ) -> None:
        """Write changes down, and tell of them; not yet where a site depends on others, or was just taken out.

        Incidents in `cut`, of sites with these beginnings, have ended with their sites: that is written at them.
        """
        found = [(*one, number) for one, number in zip(changed, taken.write(changed), strict=True)]
        taken.hold(
            [
                number
                for site_id, change, number in found
                if change.what is What.OPENED and (site_id in taken_out or rules[site_id].gateways())
            ]
        )
        rules_told = {
            taken.names[site_id]: one._replace(audience=one.audience._replace(route=NOBODY))
            if site_id in taken_out
            else one
            for site_id, one in rules.items()
        }
        over = {number: change.what for n, change, number in found if (n, change.incident.started_at) in cut}
        told = [(taken.names[site_id], number, change) for site_id, change, number in found]
        for place in range(0, len(told), _TOLD_AT_ONCE):
            some = told[place : place + _TOLD_AT_ONCE]
            announce(taken, some, rules_told.__getitem__, self._alerts, now, taken_out=over.keys())
        taken.say_why([number for number, what in over.items() if what in {What.OPENED, What.CLOSED}])

    def _put_apart(self, sites: Iterable[Undecided]) -> None:
        for one in sites:
            self._apart.setdefault(self._rules_of(one.name).file, {})[one] = None

    def _next_apart(self) -> Undecided:
        """Return the site that is decided apart now: one of each file, another one of each, and so on."""
        file = next(iter(self._apart))
        first, *others = self._apart.pop(file)
        if others:
            self._apart[file] = dict.fromkeys(others)
        return first
