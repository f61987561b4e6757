"""Warnings of certificates that expire soon: one for each threshold, and anew for a new certificate."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sitemon.alert.events import certificate_event, labels_told
from sitemon.alert.links import linked
from sitemon.alert.rules import SiteRules, is_of_before
from sitemon.model.alerts import Alerts
from sitemon.store.certificate import Due, look_at_certificates
from sitemon.store.connect import Connection
from sitemon.store.deciding import Saying

THRESHOLDS_DAYS: Final = (1, 7, 14, 30)


def threshold_days(left: timedelta) -> int | None:
    """Return the least threshold that a certificate has reached which lasts so much longer."""
    return next((days for days in THRESHOLDS_DAYS if left <= timedelta(days=days)), None)


def warn_of_certificates(conn: Connection, rules_of: Callable[[str], SiteRules], alerts: Alerts, now: datetime) -> None:
    """Put what is to be said of certificates into the outbox.

    Where nobody wants to hear of it, nothing is noted: whoever does later is warned then.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says; nobody is warned then.

    """
    with look_at_certificates(conn, now, now + timedelta(days=THRESHOLDS_DAYS[-1])) as certificates:
        rules = {one.site: rules_of(one.site) for one in certificates.expiring}
        heard_by = {
            one.site: found
            for one in certificates.expiring
            if not (one.is_scheduled and is_of_before(rules[one.site], now))
            and (found := alerts.recipients(rules[one.site].audience, "certificate"))
        }
        due = [
            Due(one, days)
            for one in certificates.expiring
            if one.site in heard_by
            and (days := threshold_days(one.expires_at - now)) is not None
            and (one.warned_days is None or days < one.warned_days)
        ]
        if not due:
            return
        certificates.say(
            Saying(channel, None, event, wait_s, rules[certificate.site].file)
            for certificate, days in certificates.note(due)
            for labels in (labels_told(rules[certificate.site].audience),)
            for warning in (certificate_event(certificate, days, labels, now, uuid.uuid4()),)
            for event in (linked(warning, alerts.page_url),)
            for channel, wait_s in heard_by[certificate.site]
        )
