"""Incidents of sites that depend on others: told once it is known that they do not lie behind those."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

from sitemon.alert.announce import announce
from sitemon.alert.rules import SiteRules, is_of_before
from sitemon.incident.change import Change, What
from sitemon.incident.dependence import is_decided, standing
from sitemon.incident.machine import Incident
from sitemon.model.alerts import Alerts
from sitemon.store.connect import Connection
from sitemon.store.held import Held, take_held

_LONGEST: Final = timedelta(hours=1)
"""What is over waits no longer for somebody to look at a site on which its own depends."""


def release(
    conn: Connection, numbers: Sequence[int], rules_of: Callable[[str], SiteRules], alerts: Alerts, now: datetime
) -> None:
    """Tell of those of these incidents of which it is time, and say of the others behind which site they lie.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says; nobody is told then.

    """
    with take_held(conn, numbers) as held:
        if held.incidents:
            _release(held, rules_of, alerts, now)


def _release(held: Held, rules_of: Callable[[str], SiteRules], alerts: Alerts, now: datetime) -> None:
    rules = {site: rules_of(site) for site, _, _ in held.incidents}
    overdue = {number for _, number, one in held.incidents if _is_overdue(one, held.decided_at[number], now)}
    # One that was taken out of the configuration depends on nothing any more: that is no reason to tell of it.
    # Of the others it is waited for what may say in time that they are well, or never were down.
    incidents = [
        (site, number, incident)
        for site, number, incident in held.incidents
        if not is_of_before(rules[site], held.newest[number])
        and (
            number in overdue
            or is_decided(held.undecided_from[number], (incident.closed_by or incident.opened_by) + rules[site].settles)
        )
    ]
    depends_on = {site: rules[site].gateways() for site, _, _ in incidents}
    over = {
        (name, incident.started_at)
        for site, _, incident in incidents
        if incident.ended_at is not None
        for name in depends_on[site]
    }
    names = {*chain.from_iterable(depends_on.values())}
    gateways = held.gateways({name: rules_of(name).settles for name in names}, now, over)
    stands = {
        number: standing(
            incident,
            [gateways[name] for name in depends_on[site]],
            now,
            rules[site].settles,
            held.undecided_from[number],
            was_behind=held.behind[number],
        )
        for site, number, incident in incidents
    }
    held.put_behind({number: one.behind for number, one in stands.items() if one.is_settled})
    told = [
        (site, number, Change(What.OPENED, incident, number))
        for site, number, incident in incidents
        if stands[number].is_told or (number in overdue and stands[number].behind is None)
    ]
    if told:
        held.tell([number for _, number, _ in told])
        announce(held, told, rules.__getitem__, alerts, now)


def _is_overdue(incident: Incident, decided_at: datetime, now: datetime) -> bool:
    return incident.closed_by is not None and now >= max(incident.closed_by, decided_at) + _LONGEST
