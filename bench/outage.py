"""How long it takes until people know when a tenth of 100,000 sites fail at once.

python -m bench outage
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bench.database import recorders_database
from bench.figures import Bench, Figure, Measured
from sitemon import clock
from sitemon.alert.decide import Decider
from sitemon.alert.outlets import sender_of
from sitemon.alert.rules import rules_of_site
from sitemon.model.alerts import Alerts, Route
from sitemon.model.outcome import Outcome
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.outbox import add_channels
from sitemon.store.write import write_batch
from tests.integration.alert.receiver import Receiver
from tests.results import MINUTE, a_result

SITES: Final = 100_000
FAILING: Final = 10_000
GROUP_FOR_S: Final = 10.0
DOWN_AFTER: Final = 3
_BATCH: Final = 5_000


def _write(conn: Connection, names: Names, sites: Sequence[str], slot_at: datetime, outcome: Outcome) -> None:
    for first in range(0, len(sites), _BATCH):
        write_batch(
            conn, names, [a_result(site, slot_at=slot_at, outcome=outcome) for site in sites[first : first + _BATCH]]
        )


def _measure() -> Measured:
    sites = [f"site-{number:06}" for number in range(SITES)]
    failing = sites[:: SITES // FAILING]
    well = sorted(set(sites) - set(failing))
    with recorders_database() as conn, Receiver() as receiver:
        people = receiver.people()
        route = Route(channels=(people.name,), group_for_s=GROUP_FOR_S)
        alerts = Alerts(channels={people.name: people}, routes=(route,))
        add_channels(conn, [people.name])
        decider = Decider(lambda _: rules_of_site(None, {}), alerts, clock.utc_now)
        names, now = Names(), clock.utc_now()
        _write(conn, names, sites, now - 5 * MINUTE, Outcome.UP)
        for failure in range(DOWN_AFTER):
            _decide(decider, conn)
            slot_at = now + (failure - DOWN_AFTER) * MINUTE
            _write(conn, names, well, slot_at, Outcome.UP)
            _write(conn, names, failing, slot_at, Outcome.DOWN)
        began_s = clock.monotonic_s()
        _decide(decider, conn)
        decided_s = clock.monotonic_s() - began_s
        clock.sleep(GROUP_FOR_S)
        sender = sender_of(people, str)
        began_s = clock.monotonic_s()
        while sender.send_due(conn):
            pass
        sent_s = clock.monotonic_s() - began_s
        said = "; ".join(subject for subject, _ in receiver.read)
        figures = [
            Figure("incidents opened", _open_incidents(conn), "", "higher", goal=FAILING),
            Figure("until all are decided, one alerter", decided_s, "s", goal=10.0),
            Figure("until the message is marked as delivered", sent_s, "s"),
            Figure("messages to people", len(receiver.read), "", goal=1.0),
        ]
    return Measured(figures, [f"what people read: {said}"])


def _decide(decider: Decider, conn: Connection) -> None:
    while decider.decide(conn):
        pass


def _open_incidents(conn: Connection) -> int:
    with conn, conn.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sitemon.incidents WHERE withdrawn_at IS NULL AND ended_at IS NULL")
        (count,) = cursor.fetchone() or (0,)
    return int(count)


BENCH = Bench(
    "outage",
    "How soon is it decided that 10,000 of 100,000 sites are down, and how many messages do people get?",
    f"Each third failure of {FAILING:,} sites waits in PostgreSQL, beside good slots of the others, when one alerter "
    "begins to decide, 200 sites in a transaction. What people get goes by Apprise to a local server.",
    _measure,
)
