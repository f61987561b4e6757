"""Tells Alertmanager again of what lasts, as its clients do: what it hears no more of, it takes as over."""

from collections.abc import Callable
from typing import Final

from sitemon import clock
from sitemon.alert.channels import Request, alertmanager_request
from sitemon.alert.sender import Sender, say_not_delivered
from sitemon.alert.verdict import Answer, Fate, Verdict
from sitemon.model.alerts import Channel
from sitemon.store.connect import Connection
from sitemon.store.lasting import read_lasting
from sitemon.store.outbox import Lease

AGAIN_EVERY_S: Final = 300.0
"""An Alertmanager that was started anew knows no alerts until it hears of them."""

_AT_ONCE: Final = 500


class AlertmanagerSender(Sender):
    """Sends one event a request; at its start, and every few minutes, again what lasts.

    It has the channel while it looks for some of that and sends it: nobody else says meanwhile that it is over.
    """

    def __init__(self, channel: Channel, send: Callable[[Request], Answer]) -> None:
        super().__init__(channel, send)
        self._again_at_s = 0.0
        self._after = 0

    def _is_wanted(self) -> bool:
        return clock.monotonic_s() >= self._again_at_s

    def _send_some(self, conn: Connection, lease: Lease) -> Verdict:
        verdict = self._send_again(conn, lease) if self._is_wanted() else Verdict(Fate.DELIVERED)
        if verdict.fate is Fate.GONE or (verdict.fate is Fate.UNAVAILABLE and not verdict.is_of_words):
            return verdict
        # It may be what lasts that fails: new alerts do not wait for that.
        return self._send_alerts(conn, lease, verdict if verdict.fate is Fate.UNAVAILABLE else Verdict(Fate.DELIVERED))

    def _send_again(self, conn: Connection, lease: Lease) -> Verdict:
        """Send some of what lasts; what the receiver refuses is left until the next time."""
        found = read_lasting(conn, lease.channel, self._after, _AT_ONCE)
        if not found.events:
            self._after, self._again_at_s = 0, clock.monotonic_s() + AGAIN_EVERY_S
            return Verdict(Fate.DELIVERED)
        answer = self._send(alertmanager_request(self._channel, found.events, clock.utc_now()))
        verdict = self._verdict(answer, 0, lease)
        if verdict.fate is Fate.GONE:
            self._disable(conn)
        elif verdict.fate is not Fate.DELIVERED:
            say_not_delivered(f"{len(found.events)} that last, again on {lease.channel}", verdict.problem)
        if verdict.fate is not Fate.UNAVAILABLE:
            self._after = found.last
        return verdict
