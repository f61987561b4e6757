"""Tells that sites are degraded, and that they are no more: once it is clear that they are not about to be down."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from sitemon.alert.events import degraded_event, labels_told
from sitemon.alert.links import linked
from sitemon.alert.rules import SiteRules, is_of_before
from sitemon.incident.dependence import is_decided, standing
from sitemon.incident.machine import Incident
from sitemon.model.alerts import Alerts, Recipient
from sitemon.store.connect import Connection
from sitemon.store.deciding import Saying
from sitemon.store.degraded import Degradation, Degradations, take_degraded


def tell_degraded(
    conn: Connection, site_ids: Sequence[int], rules_of: Callable[[str], SiteRules], alerts: Alerts, now: datetime
) -> None:
    """Put what is to be said of these sites, which are degraded or were, into the outbox.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says; nobody is told then.

    """
    with take_degraded(conn, site_ids) as found:
        rules = {one.site: rules_of(one.site) for one in found.sites}
        _tell(found, rules, alerts, now, _behind(found, rules, rules_of, now))


def _tell(found: Degradations, rules: Mapping[str, SiteRules], alerts: Alerts, now: datetime, behind: set[str]) -> None:
    heard_by = {
        one.site_id: heard
        for one in found.sites
        if (heard := _heard_by(one, rules[one.site], alerts, now, is_behind=one.site in behind)) is not None
    }
    if not heard_by:
        return
    labels = {one.site_id: _labels(one, rules[one.site]) for one in found.sites}
    found.say(
        Saying(channel, None, event, wait_s, rules[one.site].file)
        for one in found.sites
        if heard_by.get(one.site_id)
        for event in (_event(one, rules[one.site], labels[one.site_id], alerts, now),)
        for channel, wait_s in heard_by[one.site_id]
    )
    over = [one.site_id for one in found.sites if one.ended_at is not None and one.site_id in heard_by]
    found.forget(over)
    found.tell({n: ([one.channel for one in heard], labels[n]) for n, heard in heard_by.items() if n not in over})


def _heard_by(
    one: Degradation, rules: SiteRules, alerts: Alerts, now: datetime, *, is_behind: bool
) -> list[Recipient] | None:
    """Return who hears of a site. None: that is not to be said yet, since what waits may say otherwise, or never."""
    if not is_decided(one.undecided_from, (one.ended_at or one.since_at) + rules.settles):
        return None
    if one.ended_at is not None:
        told = one.channels or ()
        return [heard for heard in alerts.recipients(rules.audience, "degraded", told) if heard.channel in told]
    is_taken_out = one.is_scheduled and is_of_before(rules, now)
    if is_behind or is_taken_out or not _is_clear(one, rules, now):
        return None
    return alerts.recipients(rules.audience, "degraded")


def _labels(one: Degradation, rules: SiteRules) -> Mapping[str, str]:
    """Return the labels of what is told: what ends it has those of before, which Alertmanager takes for the alert."""
    return labels_told(rules.audience) if one.ended_at is None or one.labels is None else one.labels


def _event(
    one: Degradation, rules: SiteRules, labels: Mapping[str, str], alerts: Alerts, now: datetime
) -> dict[str, Any]:
    is_taken_out = one.is_ended and not rules.is_configured
    event = degraded_event(one, labels, now, uuid.uuid4(), is_taken_out=is_taken_out)
    return linked(event, alerts.page_url)


def _is_clear(one: Degradation, rules: SiteRules, now: datetime) -> bool:
    """Tell whether each region has looked since the first of them saw it as down: else it may be down from all."""
    return "down" not in one.regions.values() or now >= one.since_at + rules.round


def _behind(
    found: Degradations, rules: Mapping[str, SiteRules], rules_of: Callable[[str], SiteRules], now: datetime
) -> set[str]:
    """Return the sites that lie, or may lie, behind others that are down or degraded."""
    depends_on = {one.site: on for one in found.sites if one.ended_at is None and (on := rules[one.site].gateways())}
    if not depends_on:
        return set()
    names = {*chain.from_iterable(depends_on.values())}
    gateways = found.gateways({name: rules_of(name).settles for name in names}, now)
    degraded = found.degraded_of(names)

    def is_behind(one: Degradation) -> bool:
        on = depends_on[one.site]
        as_incident = Incident(one.since_at, one.since_at, tuple(one.regions), one.cause)
        settles = rules[one.site].settles
        stands = standing(as_incident, [gateways[name] for name in on], now, settles, one.undecided_from)
        return not stands.is_told or not degraded.isdisjoint(on)

    return {one.site for one in found.sites if one.site in depends_on and is_behind(one)}
