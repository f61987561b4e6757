"""Sends what the outbox has for one channel: take the channel for a time, send, mark."""

import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from sitemon import clock
from sitemon.alert.channels import Request, request_of, target_of
from sitemon.alert.message import MOST_EVENTS, Message, message_of
from sitemon.alert.verdict import Answer, Fate, Verdict, verdict_of
from sitemon.model.alerts import Channel
from sitemon.store.connect import Connection
from sitemon.store.outbox import (
    Alert,
    Gathered,
    Lease,
    due_alerts,
    gather,
    give_up,
    mark_delivered,
    mark_failed,
    mark_message_delivered,
    mark_message_failed,
    release_channel,
    take_channel,
)

log = logging.getLogger(__name__)

_LEASE_S: Final = 120.0
_ALERTS_AT_ONCE: Final = 5
"""So few that all of them time out within the lease."""

_GONE: Final = "the channel is disabled: it answered 410"


class ChannelSender(ABC):
    """Sends on one channel. Any number may be at it: one at a time has the channel.

    An alert that arrived and could not be marked, for the process was killed just then, is sent again with the same id.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._chance = random.Random()

    def send_due(self, conn: Connection) -> bool:
        """Send what is due, some alerts at most; return whether there may be more. On a disabled channel there is not.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

        """
        lease = take_channel(conn, self._channel.name, _LEASE_S, anyway=self._is_wanted())
        if lease is None:
            return False
        target = target_of(self._channel)
        if lease.disabled_target == target:
            give_up(conn, lease.channel, f"{_GONE} before")
            release_channel(conn, lease, wait_s=0.0)
            return False
        verdict = self._send_some(conn, lease._replace(disabled_target=None))
        failures = lease.failures + 1 if verdict.fate is Fate.UNAVAILABLE else 0
        disabled = target if verdict.fate is Fate.GONE else None
        kept = lease._replace(failures=failures, disabled_target=disabled)
        release_channel(conn, kept, wait_s=verdict.wait_s if verdict.fate is Fate.UNAVAILABLE else 0.0)
        return True

    def _is_wanted(self) -> bool:
        """Whether the channel is wanted though nothing in the outbox is due."""
        return False

    @abstractmethod
    def _send_some(self, conn: Connection, lease: Lease) -> Verdict:
        """Send some of what is due, until the channel takes no more; return what became of the last one."""

    def _verdict(self, answer: Answer, tries: int, lease: Lease) -> Verdict:
        return verdict_of(answer, tries, lease.failures, clock.utc_now(), self._chance)

    def _disable(self, conn: Connection) -> None:
        name = self._channel.name
        log.error("alerter.channel_disabled: %s answered 410: nothing is sent there until its URL is another", name)
        give_up(conn, name, _GONE)


class Sender(ChannelSender):
    """Sends one event a request: sites take turns, and those of a site keep their order."""

    def __init__(self, channel: Channel, send: Callable[[Request], Answer]) -> None:
        super().__init__(channel)
        self._send = send

    def _send_some(self, conn: Connection, lease: Lease) -> Verdict:
        verdict = Verdict(Fate.DELIVERED)
        for alert in due_alerts(conn, lease.channel, _ALERTS_AT_ONCE):
            answer = self._send(request_of(self._channel, alert.event, clock.utc_now()))
            verdict = self._verdict(answer, alert.tries, lease)
            self._mark(conn, alert, verdict)
            if verdict.fate in {Fate.UNAVAILABLE, Fate.GONE}:
                break
        return verdict

    def _mark(self, conn: Connection, alert: Alert, verdict: Verdict) -> None:
        what = f"{alert.event['type']} on {self._channel.name}, event {alert.event_id}"
        if verdict.fate is Fate.DELIVERED:
            mark_delivered(conn, self._channel.name, alert.outbox_id)
            _say_delivered(what)
        elif verdict.fate is Fate.GONE:
            self._disable(conn)
        else:
            say_not_delivered(what, verdict.problem)
            if mark_failed(conn, alert.outbox_id, verdict.problem, verdict.wait_s):
                _say_given_up(what)


class MessageSender(ChannelSender):
    """Sends to people: all that is due, and what came since, as one message."""

    def __init__(self, channel: Channel, tell: Callable[[Message], Answer]) -> None:
        super().__init__(channel)
        self._tell = tell

    def _send_some(self, conn: Connection, lease: Lease) -> Verdict:
        gathered = gather(conn, lease.channel, MOST_EVENTS)
        if gathered is None or not gathered.events:
            return Verdict(Fate.DELIVERED)
        answer = self._tell(message_of(gathered.types, gathered.events, self._channel.timezone))
        verdict = self._verdict(answer, gathered.tries, lease)
        self._mark_message(conn, gathered, verdict)
        return verdict

    def _mark_message(self, conn: Connection, gathered: Gathered, verdict: Verdict) -> None:
        name, number = self._channel.name, gathered.message_id
        what = f"{sum(gathered.types.values())} in a message on {name}, message {number}"
        if verdict.fate is Fate.DELIVERED:
            mark_message_delivered(conn, name, number)
            _say_delivered(what)
        elif verdict.fate is Fate.GONE:
            self._disable(conn)
        else:
            say_not_delivered(what, verdict.problem)
            if mark_message_failed(conn, name, number, verdict.problem, verdict.wait_s):
                _say_given_up(what)


def _say_delivered(what: str) -> None:
    log.info("alerter.delivered: %s", what)


def say_not_delivered(what: str, problem: str) -> None:
    """Say in the log that something did not arrive, and why; it is tried again."""
    log.warning("alerter.not_delivered: %s: %s", what, problem)


def _say_given_up(what: str) -> None:
    log.error("alerter.given_up: %s: not delivered in a day", what)
