"""A script of rows, and what must be said of them: a row a minute, as letters; times as minutes of the present hour."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from sitemon import clock
from sitemon.alert.decide import Decider
from sitemon.alert.outlets import sender_of
from sitemon.alert.rules import SiteRules
from sitemon.incident.policy import Policy
from sitemon.model.alerts import Alerts, Audience, Channel, Route
from sitemon.model.outcome import Outcome
from sitemon.model.result import Result
from sitemon.store.connect import Connection
from sitemon.store.incident import undecided_sites
from sitemon.store.names import Names
from sitemon.store.outbox import add_channels
from sitemon.store.write import write_batch
from tests.databases import execute, rows
from tests.integration.alert.receiver import Receiver
from tests.results import MINUTE, a_result, this_hour

OUTCOMES = {"u": Outcome.UP, "g": Outcome.DEGRADED, "d": Outcome.DOWN, "m": Outcome.MISSED}
_EARLIER = (
    "UPDATE sitemon.outbox SET created_at = created_at - %(by)s, due_at = due_at - %(by)s",
    "UPDATE sitemon.channel SET leased_until_at = leased_until_at - %(by)s, due_at = due_at - %(by)s",
    "UPDATE sitemon.incident SET decided_at = decided_at - %(by)s",
)
Said = tuple[str, float, float | None]


class Scene:
    def __init__(self, conn: Connection, receiver: Receiver) -> None:
        self.conn = conn
        self.receiver = receiver
        self.names = Names()
        self.use(receiver.channel())

    def use(self, *channels: Channel, policy: Policy | None = None, now: datetime | None = None, **route: Any) -> None:
        """Let every event go to these channels, or as a route with further fields says."""
        names = tuple(channel.name for channel in channels)
        fields = {"channels": names} | route
        self.alerts = Alerts(channels={one.name: one for one in channels}, routes=(Route(**fields),))
        rules = SiteRules(policy or Policy(), Audience({"team": "web"}), None, timedelta(minutes=1))
        self.decider = Decider(lambda name: rules._replace(file=name), self.alerts, lambda: now or clock.utc_now())
        self.senders = [sender_of(channel, str) for channel in channels]
        add_channels(self.conn, names)

    def results(self, letters: str, start: float = 0, site: str = "shop", region: str = "default") -> list[Result]:
        """Return a result for each letter, a minute apart; a space is a slot without one."""
        return [
            a_result(site, minute=start + minute, outcome=OUTCOMES[letter], region=region)
            for minute, letter in enumerate(letters)
            if letter != " "
        ]

    def write(self, results: list[Result]) -> None:
        write_batch(self.conn, self.names, results)

    def decide(self) -> None:
        while self.decider.decide(self.conn):
            pass

    def send(self) -> None:
        for sender in self.senders:
            while sender.send_due(self.conn):
                pass

    def remind(self) -> None:
        """Look whether somebody has to be reminded, and send that."""
        while self.decider.remind(self.conn):
            pass
        self.send()

    def arrive(self, *results: Result) -> None:
        """Write one batch, and let the alerter decide and send."""
        self.write(list(results))
        self.decide()
        self.send()

    def pass_time(self, hours: float) -> None:
        """Let so many hours pass."""
        pass_time(self.conn, timedelta(hours=hours))

    @property
    def said(self) -> list[Said]:
        """What the receiver got: type, and the incident's beginning and end."""
        return [said_by(event) for event in self.receiver.events]

    @property
    def incidents(self) -> list[tuple[float | None, float | None]]:
        """The incidents that the database has, withdrawn ones left out."""
        query = "SELECT started_at, ended_at FROM sitemon.incidents WHERE withdrawn_at IS NULL ORDER BY started_at"
        return [(minute_of(start), minute_of(end)) for start, end in rows(self.conn, query)]


def pass_time(conn: Connection, time: timedelta) -> None:
    """Let everything that alerters noted have been so much earlier."""
    for query in _EARLIER:
        execute(conn, query, {"by": time})


def undecided_ids(conn: Connection) -> list[int]:
    """Return the numbers of the sites of which something is to decide, in the order in which they have waited."""
    scheduled, others = undecided_sites(conn)
    return [one.site_id for one in scheduled + others]


def said_by(event: dict[str, Any]) -> Said:
    incident = event["data"]["incident"]
    started, ended = (
        minute_of(msgspec.convert(incident[name], datetime | None, strict=False)) for name in ("started_at", "ended_at")
    )
    assert started is not None
    return event["type"], started, ended


def minute_of(moment: datetime | None) -> float | None:
    return None if moment is None else (moment - this_hour()) / MINUTE
