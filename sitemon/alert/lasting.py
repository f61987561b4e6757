"""Tells Alertmanager again of what lasts, as its clients do: what it hears no more of, it takes as over."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sitemon import clock
from sitemon.alert.channels import Request, alertmanager_request
from sitemon.alert.events import without_foreign_words
from sitemon.alert.failing import FailingParts
from sitemon.alert.sender import TRIES_S, Sender, say_not_delivered
from sitemon.alert.verdict import TRIES_AS_SAID, Answer, Fate, Verdict
from sitemon.backoff import Backoff
from sitemon.model.alerts import Channel
from sitemon.store.connect import Connection
from sitemon.store.lasting import Lasting, read_lasting
from sitemon.store.outbox import Lease

AGAIN_EVERY_S: Final = 300.0
"""An Alertmanager that was started anew knows no alerts until it hears of them."""

_AT_ONCE: Final = 500
_TO_FIND_ONE: Final = 10
"""After so many failures in a row one of `_AT_ONCE` is found that is refused, and passed by."""

_IN_VAIN: Final = Backoff(first_s=5.0, longest_s=AGAIN_EVERY_S)


class _Round(NamedTuple):
    """How far all that lasts has been told again: up to the number `after`, and the next `most` at once.

    `failures`: so many in a row. `passed_by`: so many events were not taken, the last of them for this problem.
    """

    after: int = 0
    most: int = _AT_ONCE
    has_arrived: bool = False
    failures: int = 0
    passed_by: int = 0
    problem: str = ""

    @property
    def is_in_doubt(self) -> bool:
        """Whether it may be that nobody is there, rather than that some is refused for what it says."""
        return self.failures >= (_TO_FIND_ONE if self.has_arrived else 1)

    def knows_of_one(self) -> "_Round":
        """Go on where something arrived just now."""
        return self._replace(has_arrived=True, failures=0)

    def arrived(self, last: int) -> "_Round":
        """Go on behind what arrived; with more at once, if it was less than could be."""
        return self.knows_of_one()._replace(after=last, most=min(2 * self.most, _AT_ONCE))

    def failed(self, found: Lasting, problem: str) -> "_Round":
        """Go on with half of what did not arrive; behind it, if it is one event and others arrive."""
        failures = self.failures + 1
        if len(found.events) > 1:
            return self._replace(most=len(found.events) // 2, failures=failures)
        if not self.has_arrived:
            return self._replace(failures=failures)
        return self._replace(after=found.last, failures=failures, passed_by=self.passed_by + 1, problem=problem)


class AlertmanagerSender(Sender):
    """Sends one event a request; at its start, and every few minutes, again what lasts.

    New alerts come first, and go on where what lasts cannot be read. It has the channel while it looks for some of that
    and sends it: nobody else says meanwhile that it is over. Where some may be refused for what it says, half as much
    is sent, down to one event; that one at last without foreign words, and if need be it is passed by until the next
    round. But first, and where too much fails in a row, one event of all is tried by itself, whichever it is: as long
    as that fails, nobody may be there, and the round rests.
    """

    def __init__(self, channel: Channel, send: Callable[[Request], Answer], file_of: Callable[[str], str]) -> None:
        super().__init__(channel, send, file_of)
        self._failing = FailingParts[str](_IN_VAIN, "what lasts, again on {}".format)
        self._again_at_s = 0.0
        self._round = _Round()
        self._in_vain = 0
        """So many times in a row one was tried by itself, and did not arrive."""

    def _is_wanted(self) -> bool:
        return clock.monotonic_s() >= self._again_at_s and not self._failing.is_resting(self._channel.name)

    def _send_some(self, conn: Connection, lease: Lease, since_s: float) -> Verdict:
        verdict = super()._send_some(conn, lease, since_s)
        is_in_time = clock.monotonic_s() < since_s + TRIES_S
        if self._is_wanted() and is_in_time and not lease.is_waiting and not _is_of_channel(verdict):
            with self._failing.trying(self._channel.name):
                again = self._send_again(conn, lease)
                # It may be what lasts that is refused: the channel does not wait for that.
                if _is_of_channel(again):
                    return again
        return verdict

    def _send_again(self, conn: Connection, lease: Lease) -> Verdict:
        """Send some of what lasts."""
        found = read_lasting(conn, lease.channel, self._round.after, self._round.most)
        if not found.events:
            self._end_round()
            return Verdict(Fate.DELIVERED)
        verdict = self._try_one(conn, found, lease) if self._round.is_in_doubt else self._try_next(found, lease)
        if verdict.fate not in {Fate.DELIVERED, Fate.GONE} and not verdict.is_of_words:
            say_not_delivered(f"{len(found.events)} that last, again on {lease.channel}", verdict.problem)
            if verdict.fate is Fate.REFUSED:  # where it is unavailable, the channel waits
                self._rest()
        return verdict

    def _try_next(self, found: Lasting, lease: Lease) -> Verdict:
        is_one = len(found.events) == 1 and self._round.has_arrived
        verdict = self._told(found.events, lease, may_be_told_otherwise=is_one)
        if verdict.fate is Fate.DELIVERED:
            self._round = self._round.arrived(found.last)
        elif verdict.is_of_words:
            self._round = self._round.failed(found, verdict.problem)
        return verdict

    def _try_one(self, conn: Connection, found: Lasting, lease: Lease) -> Verdict:
        """Try one of all that lasts, by itself: others of it may be refused."""
        one = self._chance.choice(read_lasting(conn, lease.channel, 0, _AT_ONCE).events or found.events)
        verdict = self._told([one], lease, may_be_told_otherwise=self._in_vain >= TRIES_AS_SAID)
        if verdict.fate is Fate.DELIVERED:
            self._in_vain = 0
            self._round = self._round.knows_of_one()
        elif verdict.is_of_words:
            say_not_delivered(f"one that lasts, again on {lease.channel}", verdict.problem)
            self._rest()
        return verdict

    def _told(self, events: Sequence[Mapping[str, Any]], lease: Lease, *, may_be_told_otherwise: bool) -> Verdict:
        verdict = self._verdict(self._send_events(events), 0, lease)
        if verdict.is_of_words and may_be_told_otherwise:
            answer = self._send_events([*map(without_foreign_words, events)])
            return self._verdict_without_foreign_words(verdict, answer, 0, lease)
        return verdict

    def _send_events(self, events: Sequence[Mapping[str, Any]]) -> Answer:
        return self._send(alertmanager_request(self._channel, events, clock.utc_now()))

    def _rest(self) -> None:
        self._in_vain += 1
        self._again_at_s = clock.monotonic_s() + _IN_VAIN.wait_s(self._in_vain, self._chance)

    def _end_round(self) -> None:
        ended, self._round, self._in_vain = self._round, _Round(), 0
        if ended.passed_by:
            say_not_delivered(f"{ended.passed_by} that last, again on {self._channel.name}", ended.problem)
        self._again_at_s = clock.monotonic_s() + AGAIN_EVERY_S


def _is_of_channel(verdict: Verdict) -> bool:
    """Whether nothing else would arrive either: it is gone, nobody is there, or it asked to wait."""
    return verdict.fate is Fate.GONE or (verdict.fate is Fate.UNAVAILABLE and not verdict.is_of_words)
