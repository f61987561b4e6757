"""Sends what the outbox has for one channel: take the channel for a time, send, mark."""

import itertools
import logging
import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from sitemon import clock
from sitemon.alert.channels import Request, request_of, target_of
from sitemon.alert.events import without_foreign_words
from sitemon.alert.message import MOST_NAMED, Fitted, Message, fitted
from sitemon.alert.verdict import TRIES_AS_SAID, Answer, Fate, Verdict, put_off_no_longer, verdict_of
from sitemon.model.alerts import Channel
from sitemon.model.errors import RetryableError
from sitemon.store.connect import Connection
from sitemon.store.outbox import (
    Alert,
    Gathered,
    Lease,
    due_alerts,
    gather,
    give_up,
    hold_channel,
    mark_delivered,
    mark_failed,
    mark_message_delivered,
    mark_message_failed,
    narrow_message,
    put_behind_others,
    read_waiting,
    release_channel,
    split_message,
    take_channel,
    waiting_sites,
)
from sitemon.turns import in_turns

log = logging.getLogger(__name__)

_LEASE_S: Final = 120.0
_HELD_S: Final = 30.0
"""For so long after it is due again only the alerter whose message may still arrive can take a channel."""
_LONGEST_HOLD_S: Final = 600.0
"""A service that hangs for longer is left to the other alerters, too."""

_ALERTS_AT_ONCE: Final = 4
_MOST_IN_VAIN: Final = 32
"""So many are tried in a row of which none arrives, as far as there is time: then the channel waits."""

TRIES_S: Final = 90.0
"""So long after the lease began another alert is tried: one that times out takes 20 s, and ends within the lease."""
_OTHER_WORDS_S: Final = 30.0
"""So long it is tried without foreign words as well. Where a receiver hangs, other sites come before that."""

_OTHERS_AFTER_S: Final = 5.0
"""While a channel waits, so long for each file that failed there passes before an alert of another file is tried."""

_OTHERS_WITHIN_S: Final = 15.0
"""However many files failed: each is tried once, so that a receiver that is down is not asked for ever."""

_GONE: Final = "the channel is disabled: it answered 410"


class ChannelSender(ABC):
    """Sends on one channel. Any number may be at it: one at a time has the channel.

    Nothing is sent before it is written down what became of the last try. An alert that arrived, and is not marked
    before the lease is over, is sent again with the same id by whoever has the channel then: its alerter was killed, or
    had no database for so long.
    """

    def __init__(self, channel: Channel, file_of: Callable[[str], str]) -> None:
        self._channel = channel
        self._file_of = file_of
        self._chance = random.Random()
        self._refused = 0
        """So many were refused in a row, and without a pause."""
        self._failed_at_s = -math.inf
        self._held: str | None = None
        """The number of the lease by which nobody else has the channel."""
        self._unwritten: Callable[[Connection], None] | None = None
        """Writes down what became of the last try, which could not be: the session ended just then."""
        self._hangs_since_s = math.inf

    def send_due(self, conn: Connection) -> bool:
        """Send what is due, some alerts at most; return whether there may be more. On a disabled channel give it up.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

        """
        self._write_rest(conn)
        since_s = clock.monotonic_s()
        lease = take_channel(conn, self._channel.name, _LEASE_S, held=self._held, anyway=self._is_wanted())
        if lease is None:
            self._refused = 0
            return False
        target = target_of(self._channel)
        if lease.disabled_target == target:
            is_more = give_up(conn, lease.channel, _GONE)
            release_channel(conn, lease, wait_s=0.0)
            return is_more
        if lease.failures:
            self._failed_at_s = since_s
        lease = lease._replace(disabled_target=None)
        try:
            verdict = self._send_some(conn, lease, since_s)
        except RetryableError:
            # The lease lasts on: it is taken again at once, after what became of the last try is written down.
            self._held = lease.number
            raise
        self._hangs_since_s = min(self._hangs_since_s, clock.monotonic_s()) if verdict.may_arrive else math.inf
        if verdict.fate is Fate.UNAVAILABLE:
            self._failed_at_s = clock.monotonic_s()
            self._write(conn, partial(self._let_wait, lease=lease, verdict=verdict))
        else:
            disabled = target if verdict.fate is Fate.GONE else None
            if disabled:
                _say_disabled(lease.channel)
            release = lease._replace(failures=0, disabled_target=disabled)
            self._write(conn, partial(release_channel, lease=release, wait_s=0.0))
        return True

    def _write(self, conn: Connection, write: Callable[[Connection], None]) -> None:
        """Write down what became of a try; if the session ends meanwhile, once there is another one."""
        self._unwritten = write
        self._write_rest(conn)

    def _write_rest(self, conn: Connection) -> None:
        write, self._unwritten = self._unwritten, None
        if write:
            try:
                write(conn)
            except RetryableError:
                self._unwritten = write
                raise

    def _let_wait(self, conn: Connection, lease: Lease, verdict: Verdict) -> None:
        """Let a channel wait; meanwhile others than those that failed may be tried, unless it asked to wait.

        What became of a message that may still arrive is known to this alerter alone: no other one sends it again.
        """
        wait_s = 0.0 if lease.is_waiting and verdict.is_of_words else verdict.wait_s
        others_wait_s = None
        if verdict.is_of_words:
            others_wait_s = min(_OTHERS_AFTER_S * len({*self._failed_files(conn).values()}), _OTHERS_WITHIN_S)
        failed = lease if lease.is_waiting else lease._replace(failures=lease.failures + 1)
        if verdict.may_arrive and clock.monotonic_s() < self._hangs_since_s + _LONGEST_HOLD_S:
            hold_channel(conn, failed, wait_s=wait_s, held_s=_HELD_S)
            self._held = failed.number
        else:
            release_channel(conn, failed, wait_s=wait_s, others_wait_s=others_wait_s)

    def _failed_files(self, conn: Connection) -> Mapping[str, str]:
        """Return the sites, with their files, of what waits of files of which a try failed."""
        sites = waiting_sites(conn, self._channel.name)
        files = {site: self._file_of(site) for site in sites}
        failed = {files[site] for site, has_failed in sites.items() if has_failed}
        return {site: file for site, file in files.items() if file in failed}

    def _is_wanted(self) -> bool:
        """Whether the channel is wanted though nothing in the outbox is due."""
        return False

    @abstractmethod
    def _send_some(self, conn: Connection, lease: Lease, since_s: float) -> Verdict:
        """Send some of what is due, until the channel takes no more; return what became of the last one.

        The lease has lasted since `since_s`, on a clock that never steps.
        """

    def _verdict(self, answer: Answer, tries: int, lease: Lease) -> Verdict:
        failures = max(lease.failures, int(self._refused >= _MOST_IN_VAIN))
        verdict = verdict_of(answer, tries, failures, clock.utc_now(), self._chance)
        return put_off_no_longer(verdict, clock.monotonic_s() - self._failed_at_s)

    def _verdict_without_foreign_words(self, verdict: Verdict, answer: Answer, tries: int, lease: Lease) -> Verdict:
        """Return what becomes of an alert after a second answer, to what is left of it without foreign words."""
        again = self._verdict(answer, tries, lease)
        if again.fate is Fate.DELIVERED or again.may_arrive:
            return again
        also = ", also without what the site said" if verdict.fate is Fate.REFUSED else ""
        return verdict._replace(problem=verdict.problem + also)

    def _count(self, verdict: Verdict) -> None:
        self._refused = self._refused + 1 if verdict.fate is Fate.REFUSED else 0


class Sender(ChannelSender):
    """Sends one event a request: files of sites take turns, in a file its sites, and those of a site keep their order.

    After two failures in a row some sites are tried, the more the longer it fails, until one alert arrives, and a site
    that failed later than others: it may be its alert that the receiver refuses. While the channel waits for that, an
    alert of a file of which none failed is tried.
    """

    def __init__(self, channel: Channel, send: Callable[[Request], Answer], file_of: Callable[[str], str]) -> None:
        super().__init__(channel, file_of)
        self._send = send
        self._tries = itertools.count(1)
        self._last_tries: dict[str, int] = {}
        """The number of the last try of each file, while more waits than is sent at once."""

    def _send_some(self, conn: Connection, lease: Lease, since_s: float) -> Verdict:
        verdict = _untried(lease)
        failed: set[str] = set()
        for place, (file, site, alert) in enumerate(self._alerts_by_turns(conn, lease)):
            if site in failed:
                continue
            self._last_tries[file] = next(self._tries)
            verdict = self._verdict(self._send_event(alert.event), alert.tries, lease)
            if _may_be_told_otherwise(verdict, alert.tries, since_s, is_first=place == 0):
                answer = self._send_event(without_foreign_words(alert.event))
                verdict = self._verdict_without_foreign_words(verdict, answer, alert.tries, lease)
            self._count(verdict)
            self._write(conn, partial(self._mark, alert=alert, verdict=verdict))
            if verdict.fate is Fate.UNAVAILABLE and lease.failures:
                put_behind_others(conn, lease.channel, alert.outbox_id)
                failed.add(site)
            if not _goes_on(verdict, lease, since_s):
                break
        return verdict

    def _alerts_by_turns(self, conn: Connection, lease: Lease) -> Iterator[tuple[str, str, Alert]]:
        """Yield some of what is due, each with its file and its site: first of the file that was tried longest ago."""
        most = _tried_at_once(lease)
        due = due_alerts(conn, lease.channel, most)
        files = {outbox_id: one.file or self._file_of(one.site) for outbox_id, one in due.items()}
        if lease.is_waiting:
            passed_by = self._failed_files(conn)
            chosen = [outbox_id for outbox_id, one in due.items() if one.site not in passed_by][:most]
        elif len(files) <= most:
            self._last_tries = {}
            chosen = list(files)
        else:
            self._last_tries = {file: self._last_tries.get(file, 0) for file in files.values()}
            longest_ago = sorted(files, key=lambda outbox_id: self._last_tries[files[outbox_id]])
            chosen = in_turns((files[outbox_id], outbox_id) for outbox_id in longest_ago)[:most]
        for alert in read_waiting(conn, chosen):
            yield files[alert.outbox_id], due[alert.outbox_id].site, alert

    def _send_event(self, event: Mapping[str, Any]) -> Answer:
        return self._send(request_of(self._channel, event, clock.utc_now()))

    def _mark(self, conn: Connection, alert: Alert, verdict: Verdict) -> None:
        what = f"{alert.event['type']} on {self._channel.name}, event {alert.event_id}"
        if verdict.fate is Fate.DELIVERED:
            mark_delivered(conn, self._channel.name, alert.outbox_id)
            _say_delivered(what)
        elif verdict.fate is not Fate.GONE:
            is_given_up = mark_failed(conn, alert.outbox_id, verdict.problem, _wait_of_alert_s(verdict))
            say_not_delivered(what, verdict.problem)
            if is_given_up:
                _say_given_up(what)


class MessageSender(ChannelSender):
    """Sends to people: all that is due, and what came since, as one message, or some if it does not fit into one.

    After two failures in a row it is one site a message, by turns of files, and some are tried, the more the longer it
    fails, until one arrives: it may be one site's alert that the service refuses. While the channel waits for that, a
    site of a file of which none failed is tried. What is refused though others arrive is split by site.
    """

    def __init__(
        self,
        channel: Channel,
        tell: Callable[[Message, str], Answer],
        fits: Callable[[Message], bool],
        file_of: Callable[[str], str],
    ) -> None:
        super().__init__(channel, file_of)
        self._tell = tell
        self._fits = fits
        self._unanswered: str | None = None
        """The message that may still arrive."""

    def _send_some(self, conn: Connection, lease: Lease, since_s: float) -> Verdict:
        verdict = _untried(lease)
        is_of_one_site = lease.failures > 1
        sites = waiting_sites(conn, lease.channel) if is_of_one_site else {}
        passed_by = self._failed_files(conn) if lease.is_waiting else {}
        tried: list[str] = []
        gather_some = partial(gather, conn, lease.channel, is_of_one_site=is_of_one_site, first=self._unanswered)
        for _ in range(_tried_at_once(lease) if is_of_one_site else 1):
            files = {*map(self._file_of, tried)}
            of_these = [site for site in sites if self._file_of(site) in files]
            gathered = gather_some(but_for=[*passed_by, *of_these]) or gather_some(but_for=[*passed_by, *tried])
            if gathered is None or not gathered.sites:
                break
            gathered, events, message = self._as_told(conn, gathered)
            verdict = self._verdict(self._tell(message, gathered.message_id), gathered.tries, lease)
            is_first = not tried
            if gathered.is_of_one_site and _may_be_told_otherwise(verdict, gathered.tries, since_s, is_first=is_first):
                message = self._fitted(gathered, [*map(without_foreign_words, events)], files=1).message
                answer = self._tell(message, gathered.message_id)
                verdict = self._verdict_without_foreign_words(verdict, answer, gathered.tries, lease)
            self._count(verdict)
            self._unanswered = (self._unanswered or gathered.message_id) if verdict.may_arrive else None
            self._write(conn, partial(self._mark_message, gathered=gathered, verdict=verdict, lease=lease))
            tried.append(next(iter(gathered.sites.values())))
            if not _goes_on(verdict, lease, since_s):
                break
        return verdict

    def _as_told(self, conn: Connection, gathered: Gathered) -> tuple[Gathered, Sequence[Mapping[str, Any]], Message]:
        """Return what a message tells, with the events that it may name; what it does not tell is left for the next."""
        name = self._channel.name
        owned = [(self._file_of(site), outbox_id) for outbox_id, site in gathered.sites.items()]
        files, by_turns = [*dict.fromkeys(file for file, _ in owned)], in_turns(owned)
        events = [alert.event for alert in read_waiting(conn, by_turns[:MOST_NAMED])]
        fit = self._fitted(gathered, events, len(files))
        if fit.files < len(files):
            told = {*files[: fit.files]}
            ours = [outbox_id for file, outbox_id in owned if file in told]
            return self._as_told(conn, narrow_message(conn, name, gathered, ours))
        if fit.events < len(by_turns):
            gathered = narrow_message(conn, name, gathered, by_turns[: fit.events])
        return gathered, events[: fit.events], fit.message

    def _fitted(self, gathered: Gathered, events: Sequence[Mapping[str, Any]], files: int) -> Fitted:
        return fitted(gathered.types, events, files, self._channel.timezone, self._fits)

    def _mark_message(self, conn: Connection, gathered: Gathered, verdict: Verdict, lease: Lease) -> None:
        name, number = self._channel.name, gathered.message_id
        what = f"{len(gathered.sites)} in a message on {name}, message {number}"
        if verdict.fate is Fate.DELIVERED:
            mark_message_delivered(conn, name, number)
            _say_delivered(what)
        elif verdict.fate is not Fate.GONE:
            problem, wait_s, is_given_up = verdict.problem, _wait_of_alert_s(verdict), False
            if verdict.fate is Fate.REFUSED and verdict.is_of_words and not gathered.is_of_one_site:
                split_message(conn, name, number, problem)
            else:
                is_broken_up = _is_broken_up(gathered, verdict, lease)
                is_given_up = mark_message_failed(conn, name, number, problem, wait_s, is_broken_up=is_broken_up)
            say_not_delivered(what, problem)
            if is_given_up:
                _say_given_up(what)


def _untried(lease: Lease) -> Verdict:
    """Return what holds where nothing is tried: a channel that waits goes on waiting."""
    return Verdict(Fate.UNAVAILABLE, is_of_words=True) if lease.is_waiting else Verdict(Fate.DELIVERED)


def _tried_at_once(lease: Lease) -> int:
    """Return how many alerts are tried in a lease: one while the channel waits; the more failed, twice as many."""
    if lease.is_waiting:
        return 1
    return min(_ALERTS_AT_ONCE << min(max(lease.failures - 1, 0), 8), _MOST_IN_VAIN)


def _is_broken_up(gathered: Gathered, verdict: Verdict, lease: Lease) -> bool:
    """Whether what a message says is gathered anew: not what waited as one message of one site before."""
    may_be = verdict.fate is Fate.UNAVAILABLE and verdict.is_of_words and lease.failures > 0
    return may_be and (gathered.is_new or not gathered.is_of_one_site)


def _wait_of_alert_s(verdict: Verdict) -> float:
    """Return how long an alert itself waits: where its channel does, it is due when that is, so before later ones."""
    return 0.0 if verdict.fate is Fate.UNAVAILABLE else verdict.wait_s


def _may_be_told_otherwise(verdict: Verdict, tries: int, since_s: float, *, is_first: bool) -> bool:
    """Whether an alert is tried without foreign words, too: in time, so that others are tried as well."""
    is_in_time = is_first or clock.monotonic_s() < since_s + _OTHER_WORDS_S
    return verdict.is_of_words and tries >= TRIES_AS_SAID and is_in_time


def _goes_on(verdict: Verdict, lease: Lease, since_s: float) -> bool:
    """Whether more is sent in the same lease: while all arrives; and while nothing does, in case others would."""
    if clock.monotonic_s() >= since_s + TRIES_S:
        return False
    if lease.failures > 1:
        return verdict.fate is Fate.UNAVAILABLE and verdict.is_of_words
    return verdict.fate is Fate.DELIVERED and lease.failures == 0


def _say_delivered(what: str) -> None:
    log.info("alerter.delivered: %s", what)


def say_not_delivered(what: str, problem: str) -> None:
    """Say in the log that something did not arrive, and why; it is tried again."""
    log.warning("alerter.not_delivered: %s: %s", what, problem)


def _say_disabled(name: str) -> None:
    log.error("alerter.channel_disabled: %s answered 410: nothing is sent there until its URL is another", name)


def _say_given_up(what: str) -> None:
    log.error("alerter.given_up: %s: not delivered in a day", what)
