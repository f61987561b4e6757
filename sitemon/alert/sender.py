"""Sends what the outbox has for one channel: take the channel for a time, send, mark."""

import logging
import random
from collections.abc import Callable
from typing import Final

from sitemon import clock
from sitemon.alert.channels import Request, request_of, target_of
from sitemon.alert.verdict import Answer, Fate, Verdict, verdict_of
from sitemon.model.alerts import Channel
from sitemon.store.connect import Connection
from sitemon.store.outbox import (
    Alert,
    Lease,
    due_alerts,
    give_up,
    mark_delivered,
    mark_failed,
    release_channel,
    take_channel,
)

log = logging.getLogger(__name__)

_LEASE_S: Final = 120.0
_ALERTS_AT_ONCE: Final = 5
"""So few that all of them time out within the lease."""


class Sender:
    """Sends on one channel, in the order of the outbox. Any number may be at it: one at a time has the channel.

    An alert that arrived and could not be marked, for the process was killed just then, is sent again with the same id.
    """

    def __init__(self, channel: Channel, send: Callable[[Request], Answer]) -> None:
        self._channel = channel
        self._send = send
        self._chance = random.Random()

    def send_due(self, conn: Connection) -> bool:
        """Send what is due, some alerts at most; return whether there was something to do.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

        """
        lease = take_channel(conn, self._channel.name, _LEASE_S)
        if lease is None:
            return False
        target = target_of(self._channel)
        if lease.disabled_target == target:
            give_up(conn, lease.channel, "the channel is disabled: it answered 410 before")
            release_channel(conn, lease, wait_s=0.0)
            return True
        verdict = self._send_some(conn, lease._replace(disabled_target=None))
        failures = lease.failures + 1 if verdict.fate is Fate.UNAVAILABLE else 0
        disabled = target if verdict.fate is Fate.GONE else None
        kept = lease._replace(failures=failures, disabled_target=disabled)
        release_channel(conn, kept, wait_s=verdict.wait_s if verdict.fate is Fate.UNAVAILABLE else 0.0)
        return True

    def _send_some(self, conn: Connection, lease: Lease) -> Verdict:
        """Send alerts until the channel takes no more; return what became of the last one."""
        verdict = Verdict(Fate.DELIVERED)
        for alert in due_alerts(conn, lease.channel, _ALERTS_AT_ONCE):
            answer = self._send(request_of(self._channel, alert.event, clock.utc_now()))
            verdict = verdict_of(answer, alert.tries, lease.failures, clock.utc_now(), self._chance)
            self._mark(conn, alert, verdict)
            if verdict.fate in {Fate.UNAVAILABLE, Fate.GONE}:
                break
        return verdict

    def _mark(self, conn: Connection, alert: Alert, verdict: Verdict) -> None:
        name, kind = self._channel.name, alert.event["type"]
        if verdict.fate is Fate.DELIVERED:
            mark_delivered(conn, alert.outbox_id)
            log.info("alerter.delivered: %s on %s, event %s", kind, name, alert.event_id)
            return
        if verdict.fate is Fate.GONE:
            log.error("alerter.channel_disabled: %s answered 410: nothing is sent there until its URL is another", name)
            give_up(conn, name, "the channel is disabled: it answered 410")
            return
        log.warning("alerter.not_delivered: %s on %s, event %s: %s", kind, name, alert.event_id, verdict.problem)
        if mark_failed(conn, alert.outbox_id, verdict.problem, verdict.wait_s):
            log.error("alerter.given_up: %s on %s, event %s: not delivered in a day", kind, name, alert.event_id)
