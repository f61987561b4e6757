"""Sends what the outbox has for one channel: take the channel for a time, send, mark."""

import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sitemon import clock
from sitemon.alert.channels import Request, request_of, target_of
from sitemon.alert.events import without_foreign_words
from sitemon.alert.message import MOST_EVENTS, Message, message_of
from sitemon.alert.verdict import TRIES_AS_SAID, Answer, Fate, Verdict, verdict_of
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
    put_behind_others,
    release_channel,
    split_message,
    take_channel,
)

log = logging.getLogger(__name__)

_LEASE_S: Final = 120.0
_ALERTS_AT_ONCE: Final = 4
"""So few that all of them time out within the lease, and one of them without foreign words, too."""

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

    def _verdict_without_foreign_words(self, verdict: Verdict, answer: Answer, tries: int, lease: Lease) -> Verdict:
        """Return what becomes of an alert after a second answer, to what is left of it without foreign words."""
        if self._verdict(answer, tries, lease).fate is Fate.DELIVERED:
            return Verdict(Fate.DELIVERED)
        also = ", also without what the site said" if verdict.fate is Fate.REFUSED else ""
        return verdict._replace(problem=verdict.problem + also)

    def _disable(self, conn: Connection) -> None:
        name = self._channel.name
        log.error("alerter.channel_disabled: %s answered 410: nothing is sent there until its URL is another", name)
        give_up(conn, name, _GONE)


class Sender(ChannelSender):
    """Sends one event a request: sites take turns, and those of a site keep their order.

    After two failures in a row some sites are tried, until one alert arrives, and a site that failed later than others:
    it may be its alert that the receiver refuses.
    """

    def __init__(self, channel: Channel, send: Callable[[Request], Answer]) -> None:
        super().__init__(channel)
        self._send = send

    def _send_some(self, conn: Connection, lease: Lease) -> Verdict:
        verdict = Verdict(Fate.DELIVERED)
        failed: set[str | None] = set()
        for alert in due_alerts(conn, lease.channel, _ALERTS_AT_ONCE):
            site = alert.event["data"]["site"]
            if site in failed:
                continue
            verdict = self._verdict(self._send_event(alert.event), alert.tries, lease)
            if not failed and verdict.is_of_words and alert.tries >= TRIES_AS_SAID:
                answer = self._send_event(without_foreign_words(alert.event))
                verdict = self._verdict_without_foreign_words(verdict, answer, alert.tries, lease)
            self._mark(conn, alert, verdict)
            if verdict.fate is Fate.UNAVAILABLE and lease.failures:
                put_behind_others(conn, lease.channel, alert.outbox_id)
                failed.add(site)
            if not _goes_on(verdict, lease):
                break
        return verdict

    def _send_event(self, event: Mapping[str, Any]) -> Answer:
        return self._send(request_of(self._channel, event, clock.utc_now()))

    def _mark(self, conn: Connection, alert: Alert, verdict: Verdict) -> None:
        what = f"{alert.event['type']} on {self._channel.name}, event {alert.event_id}"
        if verdict.fate is Fate.DELIVERED:
            mark_delivered(conn, self._channel.name, alert.outbox_id)
            _say_delivered(what)
        elif verdict.fate is Fate.GONE:
            self._disable(conn)
        else:
            say_not_delivered(what, verdict.problem)
            if mark_failed(conn, alert.outbox_id, verdict.problem, _wait_of_alert_s(verdict)):
                _say_given_up(what)


class MessageSender(ChannelSender):
    """Sends to people: all that is due, and what came since, as one message.

    After two failures in a row it is one site a message, and some of them at a try, until one arrives: it may be one
    site's alert that the service refuses. What is refused though others arrive is split by site.
    """

    def __init__(self, channel: Channel, tell: Callable[[Message], Answer]) -> None:
        super().__init__(channel)
        self._tell = tell

    def _send_some(self, conn: Connection, lease: Lease) -> Verdict:
        verdict = Verdict(Fate.DELIVERED)
        tried: list[str] = []
        for _ in range(_ALERTS_AT_ONCE if lease.failures > 1 else 1):
            gathered = gather(conn, lease.channel, MOST_EVENTS, is_of_one_site=lease.failures > 1, but_for=tried)
            if gathered is None or not gathered.events:
                break
            verdict = self._verdict(self._tell_events(gathered, gathered.events), gathered.tries, lease)
            if not tried and gathered.is_of_one_site and verdict.is_of_words and gathered.tries >= TRIES_AS_SAID:
                answer = self._tell_events(gathered, [*map(without_foreign_words, gathered.events)])
                verdict = self._verdict_without_foreign_words(verdict, answer, gathered.tries, lease)
            self._mark_message(conn, gathered, verdict, lease)
            tried.append(gathered.events[0]["data"]["site"] or "")
            if not _goes_on(verdict, lease):
                break
        return verdict

    def _tell_events(self, gathered: Gathered, events: Sequence[Mapping[str, Any]]) -> Answer:
        return self._tell(message_of(gathered.types, events, self._channel.timezone))

    def _mark_message(self, conn: Connection, gathered: Gathered, verdict: Verdict, lease: Lease) -> None:
        name, number = self._channel.name, gathered.message_id
        what = f"{sum(gathered.types.values())} in a message on {name}, message {number}"
        if verdict.fate is Fate.DELIVERED:
            mark_message_delivered(conn, name, number)
            _say_delivered(what)
        elif verdict.fate is Fate.GONE:
            self._disable(conn)
        else:
            say_not_delivered(what, verdict.problem)
            if verdict.fate is Fate.REFUSED and verdict.is_of_words and not gathered.is_of_one_site:
                split_message(conn, name, number, verdict.problem)
                return
            wait_s, is_broken_up = _wait_of_alert_s(verdict), _is_broken_up(gathered, verdict, lease)
            if mark_message_failed(conn, name, number, verdict.problem, wait_s, is_broken_up=is_broken_up):
                _say_given_up(what)


def _is_broken_up(gathered: Gathered, verdict: Verdict, lease: Lease) -> bool:
    """Whether what a message says is gathered anew: not what waited as one message of one site before."""
    may_be = verdict.fate is Fate.UNAVAILABLE and verdict.is_of_words and lease.failures > 0
    return may_be and (gathered.is_new or not gathered.is_of_one_site)


def _wait_of_alert_s(verdict: Verdict) -> float:
    """Return how long an alert itself waits: where its channel does, it is due when that is, so before later ones."""
    return 0.0 if verdict.fate is Fate.UNAVAILABLE else verdict.wait_s


def _goes_on(verdict: Verdict, lease: Lease) -> bool:
    """Whether more is sent in the same lease: while all arrives; and while nothing does, in case others would."""
    if lease.failures > 1:
        return verdict.fate is Fate.UNAVAILABLE and verdict.is_of_words
    return verdict.fate is Fate.DELIVERED and lease.failures == 0


def _say_delivered(what: str) -> None:
    log.info("alerter.delivered: %s", what)


def say_not_delivered(what: str, problem: str) -> None:
    """Say in the log that something did not arrive, and why; it is tried again."""
    log.warning("alerter.not_delivered: %s: %s", what, problem)


def _say_given_up(what: str) -> None:
    log.error("alerter.given_up: %s: not delivered in a day", what)
