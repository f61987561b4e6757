"""What a result costs the recorder more since it marks what alerters have to decide, beside the same without marks.

python -m bench incident-marks
"""

import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.database import NOT_ROLLED_UP
from bench.figures import ROUNDS, Bench, Figure, Measured, median_ratio
from sitemon import clock
from sitemon.alert.decide import Decider
from sitemon.alert.rules import rules_of_site
from sitemon.config.servers import Credentials
from sitemon.local.postgres import Postgres
from sitemon.model.alerts import Alerts, Channel, Route
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import decode, encode
from sitemon.store import write
from sitemon.store.connect import Connection, connect
from sitemon.store.names import Names
from sitemon.store.provision import provision
from tests.results import MINUTE, a_result

SITES: Final = 10_000
DOWN_EVERY: Final = 10
SLOTS: Final = 3
"""Of each site, in a round."""

BATCH: Final = 1_000
WARM_UP: Final = 4
"""Slots, after which each site that fails has its incident."""

WAYS: Final = {
    "plain, up": (False, False),
    "marked, up": (True, False),
    "plain, down": (False, True),
    "marked, down": (True, True),
}
"""Whether there are marks, and whether every tenth site is down."""

ALL_UP_GOAL: Final = 1.1
TENTH_DOWN_GOAL: Final = 1.3
MARKED: Final = re.compile(r"\), marked AS \(.*\n\), late AS \(", re.DOTALL)
IS_MARKED: Final = "(SELECT count(*) > 0 FROM marked)"


class Spent(NamedTuple):
    """CPU seconds: of the recorder, and of its session in PostgreSQL."""

    recorder_s: float
    postgres_s: float

    @property
    def both_s(self) -> float:
        return self.recorder_s + self.postgres_s

    def since(self, before: "Spent") -> "Spent":
        return Spent(self.recorder_s - before.recorder_s, self.postgres_s - before.postgres_s)


class Way:
    """A database to which results are written, with marks and an alerter that decides, or without either."""

    def __init__(self, recorder: Connection, alerter: Connection, *, is_marked: bool, is_down: bool) -> None:
        self._recorder = recorder
        self._alerter = alerter
        self._is_marked = is_marked
        self.is_down = is_down
        self._merge = write._sql["merge_results"] if is_marked else _without_marks()
        self._names = Names()
        hook = Channel(name="hook", kind="webhook", url="http://127.0.0.1:1/")
        alerts = Alerts(channels={hook.name: hook}, routes=(Route(channels=(hook.name,)),))
        self._decider = Decider(lambda _: rules_of_site(None, {}), alerts, clock.utc_now)

    def record(self, values: Sequence[bytes]) -> Spent:
        """Read and write all results of a slot as a recorder does; then the alerter decides, which does not count."""
        write._sql["merge_results"] = self._merge
        before = self._spent()
        for first in range(0, SITES, BATCH):
            results = [decode(value) for value in values[first : first + BATCH]]
            write.write_batch(self._recorder, self._names, results)
        spent = self._spent().since(before)
        while self._is_marked and self._decider.decide(self._alerter):
            pass
        return spent

    def incidents(self) -> int:
        """Return how many incidents there are."""
        with self._alerter, self._alerter.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM sitemon.incident")
            ((count,),) = cursor.fetchall()
        return int(count)

    def _spent(self) -> Spent:
        session = Path(f"/proc/{self._recorder.get_backend_pid()}/schedstat")
        return Spent(time.process_time(), int(session.read_text().split()[0]) / 1e9)


def _record(ways: Mapping[str, Way], slot_at: datetime) -> dict[str, Spent]:
    """Record a slot each way."""
    up = [encode(a_result(f"site-{site}", slot_at=slot_at)) for site in range(SITES)]
    fields: dict[str, Any] = {"slot_at": slot_at, "outcome": Outcome.DOWN, "reason": Reason.HTTP_STATUS}
    some_down = list(up)
    some_down[::DOWN_EVERY] = [encode(a_result(f"site-{site}", **fields)) for site in range(0, SITES, DOWN_EVERY)]
    return {name: way.record(some_down if way.is_down else up) for name, way in ways.items()}


def _without_marks() -> str:
    """Return the recorder's query as it is without the marks."""
    query, count = MARKED.subn("), late AS (", write._sql["merge_results"])
    assert count == 1
    assert query.count(IS_MARKED) == 1
    return query.replace(IS_MARKED, "false")


@contextmanager
def _ways(from_at: datetime) -> Iterator[dict[str, Way]]:
    """Make a database for each way, in which nothing is rolled up from a moment on."""
    with tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name, ExitStack() as stack:
        postgres = Postgres(Path(name))
        postgres.start()
        stack.callback(postgres.stop)
        found = {}
        for number, (way, (is_marked, is_down)) in enumerate(WAYS.items()):
            owner = Credentials(user=f"bench_{number}", password="bench", database=f"bench_{number}")
            provision(postgres.server, postgres.admin, owner)
            recorder, alerter = (
                stack.enter_context(closing(connect(postgres.server, owner, application_name="sitemon-bench")))
                for _ in range(2)
            )
            write.prepare_session(recorder)
            with recorder, recorder.cursor() as cursor:
                cursor.execute(NOT_ROLLED_UP, {"from_at": from_at})
            found[way] = Way(recorder, alerter, is_marked=is_marked, is_down=is_down)
        yield found


def _measure() -> Measured:
    # Slots that have come.
    slot_at = clock.utc_now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    with _ways(slot_at) as ways:
        for _ in range(WARM_UP):
            _record(ways, slot_at)
            slot_at += MINUTE
        rounds: dict[str, list[Spent]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            spent = {name: Spent(0.0, 0.0) for name in ways}
            for _ in range(SLOTS):
                for name, one in _record(ways, slot_at).items():
                    spent[name] = Spent(*map(sum, zip(spent[name], one, strict=True)))
                slot_at += MINUTE
            for name in ways:
                rounds[name].append(spent[name])
        assert [way.incidents() for way in ways.values()] == [0, 0, 0, SITES // DOWN_EVERY]
    return Measured(list(_figures(rounds)))


def _figures(rounds: dict[str, list[Spent]]) -> Iterator[Figure]:
    def ratio(one: str, other: str) -> float:
        pairs = zip(rounds[one], rounds[other], strict=True)
        return median_ratio([(spent.both_s, beside.both_s) for spent, beside in pairs])

    yield Figure("all up: with marks / without", ratio("marked, up", "plain, up"), "ratio", goal=ALL_UP_GOAL)
    tenth = ratio("marked, down", "plain, down")
    yield Figure("a tenth down: with marks / without", tenth, "ratio", goal=TENTH_DOWN_GOAL)
    yield Figure("a tenth down, with marks / all up, without", ratio("marked, down", "plain, up"), "ratio")
    for name, spent in rounds.items():
        for part in ("recorder", "postgres"):
            median_s = statistics.median(getattr(one, f"{part}_s") for one in spent)
            yield Figure(f"{name}: CPU a result, {part}", median_s / (SITES * SLOTS) * 1e6, "us")


BENCH: Final = Bench(
    name="incident-marks",
    question="What does it cost the recorder to mark what alerters have to decide?",
    method=(
        f"results of {SITES:,} sites are read from bytes and written by the recorder's own code, {BATCH:,} in a"
        " transaction, into four databases of one PostgreSQL in turn: with marks, and by its query without them; all"
        f" sites up, and every {DOWN_EVERY}th down. Where there are marks, an alerter decides after each slot, so that"
        " each site that fails has an open incident; that does not count. CPU of the process that writes and of its"
        f" session in PostgreSQL, without Kafka; {ROUNDS} rounds of {SLOTS} slots, after {WARM_UP} of warm-up."
    ),
    measure=_measure,
)
