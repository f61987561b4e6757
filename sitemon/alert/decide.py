"""Decides on sites of which rows changed: incidents, what is kept of them, and the outbox, in one transaction."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sitemon.alert.announce import announce
from sitemon.alert.certificates import warn_of_certificates
from sitemon.alert.degraded import tell_degraded
from sitemon.alert.held import release
from sitemon.alert.regions import Regions
from sitemon.alert.reminders import remind
from sitemon.alert.rules import NOBODY, SiteRules, is_of_before, of_regions, ours
from sitemon.incident.change import Change, What, changes
from sitemon.incident.confirming import wanted
from sitemon.incident.connectivity import without_outages
from sitemon.incident.machine import fold
from sitemon.incident.memory import FOLDED_AGAIN, Memory, Rest, before_rows, just_before, refold
from sitemon.incident.policy import Policies
from sitemon.incident.rows import Row
from sitemon.incident.summary import degraded, summary
from sitemon.incident.window import determined
from sitemon.model.alerts import Alerts
from sitemon.schedule.slots import LATE_GRACE_MS
from sitemon.store.connect import Connection
from sitemon.store.deciding import begin_deciding
from sitemon.store.held import held_numbers
from sitemon.store.incident import Taken, TooManyRowsError, open_numbers, take_sites
from sitemon.store.states import Decided

_SITES_AT_ONCE: Final = 200
_INCIDENTS_AT_ONCE: Final = 200
_HELD_OF_A_SITE: Final = 20
_WINDOWS: Final = (timedelta(minutes=15), timedelta(hours=6), timedelta(days=3))
"""How far rows are looked at for where a fold may begin, before all of them are."""

_MOST_REGIONS: Final = 100
"""Of a site that no configuration has: whoever may write results could invent any number of them."""

_GRACE: Final = timedelta(milliseconds=LATE_GRACE_MS)
"""Workers make no confirming check that is later."""

_DAY: Final = timedelta(days=1)
"""Of so much time rows are read at once, where all of them are."""


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
        self._open: list[int] = []
        self._held: list[int] = []

    def use(self, alerts: Alerts) -> None:
        """Decide by other routes from now on."""
        self._alerts = alerts

    def decide(self, conn: Connection, most: int = _SITES_AT_ONCE) -> int:
        """Decide on some sites of which something is to decide, and return how many they were.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says; nothing is decided then.

        """
        with take_sites(conn, most) as taken:
            if taken.changed_from:
                self._decide(taken)
            return len(taken.names)

    def look_at_regions(self, conn: Connection) -> None:
        """Look whether regions that are offline are online again: of sites that are well there is nothing to decide.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

        """
        with begin_deciding(conn) as deciding:
            self._regions.look(deciding, [one.region for one in deciding.connectivity.outages if not one.until_at])

    def remind(self, conn: Connection) -> bool:
        """Tell of open incidents of which nobody knows: those who have heard nothing for long enough, and further ones.

        They are looked at by turns, some at a time; return whether others are left of this turn.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says; nobody is told then.

        """
        waiting = self._open or open_numbers(conn)
        numbers, self._open = waiting[:_INCIDENTS_AT_ONCE], waiting[_INCIDENTS_AT_ONCE:]
        remind(conn, numbers, self._rules_of, self._alerts, self._now())
        return bool(self._open)

    def release(self, conn: Connection) -> bool:
        """Tell of incidents of sites that depend on others, where it is known that they do not lie behind those.

        They are looked at by turns, some at a time; return whether others are left of this turn.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says; nobody is told then.

        """
        waiting = self._held or held_numbers(conn, _HELD_OF_A_SITE)
        numbers, self._held = waiting[:_INCIDENTS_AT_ONCE], waiting[_INCIDENTS_AT_ONCE:]
        release(conn, numbers, self._rules_of, self._alerts, self._now())
        return bool(self._held)

    def warn_of_certificates(self, conn: Connection) -> None:
        """Warn of certificates that expire soon, once for each threshold.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says; nobody is warned then.

        """
        warn_of_certificates(conn, self._rules_of, self._alerts, self._now())

    def tell_degraded(self, conn: Connection) -> None:
        """Tell of sites that are degraded, and of those that are no more.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says; nobody is told then.

        """
        tell_degraded(conn, self._rules_of, self._alerts, self._now())

    def _decide(self, taken: Taken) -> None:
        rules = {site_id: self._rules_of(taken.names[site_id]) for site_id in taken.changed_from}
        self._look_at_regions_of(taken, rules)
        rules |= self._crowded(taken, rules)
        now = self._now()
        scheduled = taken.scheduled([site_id for site_id, one in rules.items() if not one.is_configured])
        policies = taken.policies(
            {site_id: None if site_id in scheduled else one.policy for site_id, one in rules.items()}, now
        )
        begun = self._begun(taken, rules, policies)
        refolded = {
            site_id: refold(policies[site_id], memory, [row for row in rows if row.slot_at > memory.until])
            for site_id, (memory, rows) in begun.items()
        }
        taken_out = {
            site_id for site_id in scheduled & begun.keys() if is_of_before(rules[site_id], _newest(begun[site_id]))
        }
        stored = taken.incidents({site_id: one.since for site_id, one in refolded.items()})
        changed = [
            (site_id, change) for site_id, one in refolded.items() for change in changes(stored[site_id], one.incidents)
        ]
        self._say(taken, rules, changed, taken_out, now)
        taken.remember({site_id: one.kept for site_id, one in refolded.items()})
        taken.confirm(
            {
                site_id: wanted(policies[site_id].at(now), one.state, begun[site_id][1], now, _GRACE)
                for site_id, one in refolded.items()
                if rules[site_id].confirm
            }
        )
        taken.note_states(
            {
                site_id: Decided(
                    summary(one.state, one.incidents[-1] if one.incidents else None),
                    _newest(begun[site_id]),
                    degraded(one.state),
                )
                for site_id, one in refolded.items()
            }
        )

    def _look_at_regions_of(self, taken: Taken, rules: Mapping[int, SiteRules]) -> None:
        named: set[str] = set()
        unnamed: set[str] = set()
        for site_id, one in rules.items():
            (unnamed if one.regions is None else named).update(ours(taken.regions[site_id], one))
        self._regions.look(taken, named, unnamed)

    def _crowded(self, taken: Taken, rules: Mapping[int, SiteRules]) -> dict[int, SiteRules]:
        """Return rules by which some regions count, of sites that no configuration has and very many look at."""
        crowded = [
            site_id
            for site_id, one in rules.items()
            if one.regions is None and len(taken.regions[site_id]) > _MOST_REGIONS
        ]
        few = taken.few_regions(crowded, self._alerts.references, _MOST_REGIONS) if crowded else {}
        return {site_id: rules[site_id]._replace(regions=frozenset(regions)) for site_id, regions in few.items()}

    def _say(
        self,
        taken: Taken,
        rules: Mapping[int, SiteRules],
        changed: Sequence[tuple[int, Change[int]]],
        taken_out: Collection[int],
        now: datetime,
    ) -> None:
        """Write changes down, and tell of them; not yet where a site depends on others, or was taken out."""
        found = [(*one, number) for one, number in zip(changed, taken.write(changed), strict=True)]
        taken.hold(
            [
                number
                for site_id, change, number in found
                if change.what is What.OPENED and (rules[site_id].gateways or site_id in taken_out)
            ]
        )
        audiences = {
            taken.names[site_id]: one.audience._replace(route=NOBODY) if site_id in taken_out else one.audience
            for site_id, one in rules.items()
        }
        told = [(taken.names[site_id], number, change) for site_id, change, number in found]
        announce(taken, told, audiences.__getitem__, self._alerts, now)

    def _begun(
        self, taken: Taken, rules: Mapping[int, SiteRules], policies: Mapping[int, Policies]
    ) -> dict[int, tuple[Memory, list[Row]]]:
        """Return where folds begin, and their rows. Where these are too many, half of the sites is put off."""
        while True:
            try:
                known = self._known(taken, rules)
                waiting = {n: moment for n, moment in taken.changed_from.items() if n not in known}
                return known | self._looked_back(taken, rules, policies, waiting)
            except TooManyRowsError:
                in_turn = [site_id for site_id in taken.names if site_id in taken.changed_from]
                taken.put_off(in_turn[len(in_turn) // 2 :])

    def _known(self, taken: Taken, rules: Mapping[int, SiteRules]) -> dict[int, tuple[Memory, list[Row]]]:
        """Return what was kept of sites whose rows changed after it, and the rows since."""
        memories = {
            site_id: of_regions(memory, rules[site_id])
            for site_id, changed_from in taken.changed_from.items()
            if (memory := _kept(taken, site_id, changed_from)) and memory.until < changed_from
        }
        rows = self._rows(taken, rules, {site_id: memory.until for site_id, memory in memories.items()})
        return {site_id: (memory, rows[site_id]) for site_id, memory in memories.items()}

    def _looked_back(
        self,
        taken: Taken,
        rules: Mapping[int, SiteRules],
        policies: Mapping[int, Policies],
        waiting: dict[int, datetime],
    ) -> dict[int, tuple[Memory, list[Row]]]:
        """Return where the folds of sites begin of which nothing was kept of before these moments, and their rows."""
        found: dict[int, tuple[Memory, list[Row]]] = {}
        for window in _WINDOWS:
            from_at = {site_id: changed_from - window for site_id, changed_from in waiting.items()}
            for site_id, rows in self._rows(taken, rules, from_at).items():
                regions = ours(taken.regions[site_id], rules[site_id])
                state = determined(policies[site_id], rows, regions, waiting[site_id])
                if state is not None:
                    found[site_id] = just_before(waiting.pop(site_id), state), rows
        return found | self._from_the_oldest(taken, rules, policies, waiting) if waiting else found

    def _from_the_oldest(
        self,
        taken: Taken,
        rules: Mapping[int, SiteRules],
        policies: Mapping[int, Policies],
        waiting: dict[int, datetime],
    ) -> dict[int, tuple[Memory, list[Row]]]:
        """Return what all rows that are kept of these sites come to shortly before these moments, and those since.

        Of time before those rows is known which incidents lasted.
        """
        first_at = waiting | taken.first_slots(waiting)
        known = taken.incidents({site_id: just_before(moment).until for site_id, moment in first_at.items()})
        states = {
            site_id: of_regions(before_rows(moment, [one for _, one in known[site_id]]), rules[site_id]).state
            for site_id, moment in first_at.items()
        }
        until_at = {site_id: max(moment, waiting[site_id] - FOLDED_AGAIN) for site_id, moment in first_at.items()}
        moment = min(first_at.values())
        while moment < max(until_at.values()):
            for site_id, rows in self._rows(taken, rules, dict.fromkeys(waiting, moment), moment + _DAY).items():
                earlier = (row for row in rows if row.slot_at < until_at[site_id])
                states[site_id] = fold(policies[site_id], states[site_id], earlier).state
            moment += _DAY
        later = self._rows(taken, rules, until_at)
        return {site_id: (just_before(until_at[site_id], states[site_id]), later[site_id]) for site_id in waiting}

    @staticmethod
    def _rows(
        taken: Taken,
        rules: Mapping[int, SiteRules],
        from_at: Mapping[int, datetime],
        until_at: datetime | None = None,
    ) -> dict[int, list[Row]]:
        found = taken.rows(from_at, until_at) if from_at else {}
        outages = taken.connectivity.outages
        return {
            site_id: without_outages([row for row in rows if ours({row.region}, rules[site_id])], outages)
            for site_id, rows in found.items()
        }


def _kept(taken: Taken, site_id: int, changed_from: datetime) -> Memory | None:
    kept = taken.kept.get(site_id)
    return kept.before(changed_from, taken.up_since[site_id]) if isinstance(kept, Rest) else kept


def _newest(begun: tuple[Memory, list[Row]]) -> datetime:
    memory, rows = begun
    return rows[-1].slot_at if rows else memory.until
