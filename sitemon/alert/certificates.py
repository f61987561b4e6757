"""Warnings of certificates that expire soon: one for each threshold, and anew for a new certificate."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sitemon.alert.events import certificate_event, labels_told
from sitemon.alert.links import linked
from sitemon.alert.rules import MOST_REGIONS, SiteRules, is_of_before
from sitemon.model.alerts import Alerts
from sitemon.store.certificate import ExpiryWarning, Named, look_at_certificates
from sitemon.store.connect import Connection
from sitemon.store.deciding import Saying

THRESHOLDS_DAYS: Final = (1, 7, 14, 30)

_MOST_OF_A_SITE: Final = 10
"""Warnings in a look; further ones in the next. Each region may see another certificate, each time another one."""

_MOST_OF_OTHERS: Final = 200
"""Of sites that no configuration has, in a look at all sites: of those that are in the schedule, and of all others.

Whoever may write there could invent any number of them.
"""


def threshold_days(left: timedelta) -> int | None:
    """Return the least threshold that a certificate has reached which lasts so much longer."""
    return next((days for days in THRESHOLDS_DAYS if left <= timedelta(days=days)), None)


def warn_of_certificates(
    conn: Connection,
    sites: Sequence[Named],
    rules_of: Callable[[str], SiteRules],
    alerts: Alerts,
    now: datetime,
    *,
    others: Counter[bool],
) -> None:
    """Put what is to be said of certificates of these sites into the outbox.

    Where nobody wants to hear of it, nothing is noted: whoever does later is warned then. `others` counts the warnings
    of sites that no configuration has, by whether they are in the schedule, over a look at all sites.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says; nobody is warned then.

    """
    rules = {one.site_id: rules_of(one.name) for one in sites}
    regions = {site_id: one.regions for site_id, one in rules.items() if one.regions is not None}
    with look_at_certificates(conn) as certificates:
        some = certificates.few_regions([*rules.keys() - regions.keys()], alerts.references, MOST_REGIONS)
        expiring = certificates.expiring({**regions, **some}, now, now + timedelta(days=THRESHOLDS_DAYS[-1]))
        heard_by = {
            one.site_id: found
            for one in expiring
            if not (one.is_scheduled and is_of_before(rules[one.site_id], now))
            and (found := alerts.recipients(rules[one.site_id].audience, "certificate"))
        }
        due = (
            ExpiryWarning(one, days)
            for one in expiring
            if one.site_id in heard_by
            and (days := threshold_days(one.expires_at - now)) is not None
            and (one.warned_days is None or days < one.warned_days)
        )
        told = [*_few(due, rules, others)]
        if not told:
            return
        certificates.say(
            Saying(channel, None, event, wait_s, rules[certificate.site_id].file)
            for certificate, days in certificates.note(told)
            for labels in (labels_told(rules[certificate.site_id].audience),)
            for warning in (certificate_event(certificate, days, labels, now, uuid.uuid4()),)
            for event in (linked(warning, alerts.page_url),)
            for channel, wait_s in heard_by[certificate.site_id]
        )


def _few(
    due: Iterable[ExpiryWarning], rules: Mapping[int, SiteRules], others: Counter[bool]
) -> Iterator[ExpiryWarning]:
    of_sites = Counter[int]()
    for one in due:
        site_id, is_scheduled = one.certificate.site_id, one.certificate.is_scheduled
        is_other = not rules[site_id].is_configured
        if of_sites[site_id] < _MOST_OF_A_SITE and not (is_other and others[is_scheduled] >= _MOST_OF_OTHERS):
            of_sites[site_id] += 1
            others[is_scheduled] += is_other
            yield one
