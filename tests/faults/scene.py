"""The stage of a scenario: a pipeline under load, and what has to be true of it in the end."""

import json
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from bench.pipeline import Row, expected_slots, read_rows
from sitemon import clock
from sitemon.config.servers import (
    Credentials,
    KafkaServer,
    admin_credentials,
    database_credentials,
    kafka_server,
    postgres_server,
)
from sitemon.local.kafka import Kafka
from sitemon.local.postgres import Postgres
from sitemon.local.stack import Stack
from sitemon.local.valkey import Valkey
from sitemon.store.connect import Connection
from sitemon.stream.client import client_of
from sitemon.stream.topics import topics_of
from tests.databases import as_admin
from tests.pipeline import Away, Pipeline, wait_for

OUTAGE_S: Final = 15.0
HEALED_WITHIN_S: Final = 75.0
"""How long after a fault every slot has its row at the latest: its patience, and the 50 s in which the account is young
again after the death of all who publish."""
TIMEOUT_S: Final = 2

_START_S: Final = 60.0
_STOP_S: Final = 10.0
_SITES: Final = 200
_INTERVAL_S: Final = 2
_BEATS: Final = ("beat", "second-beat", "third-beat")
_RECORDERS: Final = ("recorder", "second-recorder")
_OPEN_STRETCHES: Final = "SELECT count(*) FROM sitemon.schedule_stretch WHERE until_ms = 9223372036854775807"
_IS_CLOSED: Final = """
    SELECT closed_ms > (SELECT max(least(until_ms, %s) + patience_ms) FROM sitemon.schedule_stretch)
    FROM sitemon.account
"""
_COUNTS: Final = """
    SELECT count(*), count(DISTINCT (site, region, slot_at, kind)) FROM sitemon.results WHERE kind = 'scheduled'
"""
_EVENTS: Final = """
    SELECT site.name, token, sequence, at_ms, from_ms, interval_ms
    FROM sitemon.schedule_event JOIN sitemon.site USING (site_id) WHERE site.name = ANY (%s) ORDER BY 1, 2, 3
"""
_TELLINGS: Final = "SELECT token, sequence, first, at_ms, is_complete FROM sitemon.telling ORDER BY 1, 2"
_STRETCHES: Final = """
    SELECT site.name, from_ms, until_ms, interval_ms, patience_ms
    FROM sitemon.schedule_stretch JOIN sitemon.site USING (site_id) WHERE site.name = ANY (%s) ORDER BY 1, 2
"""
_EVENT: Final = re.compile(r"(?:WARNING|ERROR|CRITICAL)\S*\s(?:\S*\]\s)?([a-z]+\.[a-z_]+)")
_PROCESS: Final = re.compile(r"(?:WARNING|ERROR|CRITICAL)/(\S+)\]\s([a-z]+\.[a-z_]+)")


class Account(NamedTuple):
    """What became of the slots since `begin`: how many there were, the rows of those that nobody checked, and of those
    whose site was found down."""

    expected: int
    missed: Sequence[Row]
    down: Sequence[Row]

    def unexcused(self, away: Away, patience_ms: int) -> Sequence[Row]:
        """Return the missed slots that were not due while something was away, with their patience before and after."""
        since_ms, until_ms = away.from_ms - patience_ms, away.until_ms + patience_ms
        return [row for row in self.missed if not since_ms <= row.slot_ms <= until_ms]


class Scene:
    """One scenario's pipeline: its own database, topics and Redis database on servers that it may break.

    `begin`, then faults while the load goes on, then `end`, which fails unless every slot has exactly one row.
    What differs from the stack goes into `extra`, the environment of all commands, before `begin`.
    """

    def __init__(self, name: str, folder: Path, stack: Stack, page_url: str) -> None:
        self.name = name
        self.stack = stack
        self.pipeline = Pipeline(folder, folder / "sites.json", stack)
        self.extra = self.pipeline.extra
        self.is_audited = True
        self._page_url = page_url
        self._sites: list[str] = []
        self._interval_s = _INTERVAL_S
        self._after_ms = 0

    @property
    def postgres(self) -> Postgres:
        """PostgreSQL, a process that may be killed, stopped, frozen."""
        return self.stack.postgres

    @property
    def kafka(self) -> Kafka:
        """Apache Kafka."""
        assert isinstance(self.stack.kafka, Kafka)
        return self.stack.kafka

    @property
    def redis(self) -> Valkey:
        """Redis (Valkey)."""
        return self.stack.redis

    # The acts ----------------------------------------------------------------------------------------------------

    def begin(self, *processes: str, sites: int = _SITES, interval_s: int = _INTERVAL_S, path: str = "/good") -> None:
        """Provision, start the processes (worker with beat, and a recorder), and wait until every site is recorded."""
        self._interval_s = interval_s
        self.watch(sites, path)
        self.provision()
        self.pipeline.start(*(processes or ("worker", "recorder")))
        self.wait_until_recorded_after(0)
        self._after_ms = clock.now_ms()

    def watch(self, sites: int, path: str = "/good") -> None:
        """Write the file of sites."""
        self._sites = [f"site-{number}" for number in range(sites)]
        self._write_sites(
            [
                {"name": name, "url": f"{self._page_url}{path}", "interval": self._interval_s, "timeout": TIMEOUT_S}
                for name in self._sites
            ]
        )

    def provision(self) -> None:
        """Make what the pipeline needs in PostgreSQL and Kafka. Again is no error."""
        self.pipeline.run("provision", "sitemon", "provision")

    def goes_on_for(self, seconds: float) -> None:
        """Let the load go on."""
        clock.sleep(seconds)

    def suffers(self, fault: AbstractContextManager[None], seconds: float = OUTAGE_S) -> Away:
        """Let the load go on under a fault for a while, and return when that was."""
        since_ms = clock.now_ms()
        with fault:
            self.goes_on_for(seconds)
        return Away(self.name, since_ms, clock.now_ms())

    def wait_until_recorded_after(self, moment_ms: int, within_s: float = _START_S) -> None:
        """Wait until each site has a real result of a slot after the moment."""
        checked = """
            SELECT count(DISTINCT site) FROM sitemon.results
            WHERE kind = 'scheduled' AND outcome <> 'missed' AND slot_at > to_timestamp(%s)
        """
        wait_for(lambda: self.pipeline.rows(checked, moment_ms / 1000) == [(len(self._sites),)], within_s)

    def end(self, within_s: float = HEALED_WITHIN_S) -> Account:
        """Close the account and stop everything in good order.

        Fails unless, within the time, each slot since `begin` has exactly one row; the group has read the results to
        their ends; and every process ends by itself with status 0.
        """
        account = self.close_account(within_s)
        self.finish()
        return account

    def close_account(self, within_s: float = HEALED_WITHIN_S) -> Account:
        """Wait until each slot between `begin` and now has its row; fail when that takes longer."""
        until_ms = clock.now_ms()
        expected = expected_slots(self._sites, self._interval_s * 1_000, self._after_ms, until_ms)
        deadline_s = clock.monotonic_s() + within_s
        while self._rows_between(until_ms) < len(expected) and clock.monotonic_s() < deadline_s:
            clock.sleep(0.5)
        rows = [row for row in read_rows(self.pipeline, self._after_ms, until_ms) if row.site in self._sites]
        found = {(row.site, row.slot_ms) for row in rows}
        missing = sorted(expected - found)
        assert missing == [], f"{len(missing)} of {len(expected)} slots have no row: {self._known_of(missing[:5])}"
        assert len(rows) == len(expected), f"{len(rows)} rows for {len(expected)} slots"
        missed, down = ([row for row in rows if row.outcome == outcome] for outcome in ("missed", "down"))
        return Account(len(expected), missed, down)

    def close_account_of(self, sites: int) -> Account:
        """Close the account of the first so many sites only: the others were off for a while."""
        everyone, self._sites = self._sites, self._sites[:sites]
        try:
            return self.close_account()
        finally:
            self._sites = everyone

    def forget_before_now(self) -> None:
        """Expect only slots from now on."""
        self._after_ms = clock.now_ms()

    def _rows_between(self, until_ms: int) -> int:
        count = """
            SELECT count(*) FROM sitemon.results
            WHERE kind = 'scheduled' AND slot_at > to_timestamp(%s / 1000.0) AND slot_at <= to_timestamp(%s / 1000.0)
                AND site = ANY (%s)
        """
        ((rows,),) = self.pipeline.rows(count, self._after_ms, until_ms, self._sites)
        return int(rows)

    def _known_of(self, slots: Sequence[tuple[str, int]]) -> str:
        """Return up to when the account is closed, and what was said of the sites of these slots."""
        ((closed_ms,),) = self.pipeline.rows("SELECT closed_ms FROM sitemon.account")
        sites = sorted({site for site, _ in slots})
        events, stretches = self.pipeline.rows(_EVENTS, sites), self.pipeline.rows(_STRETCHES, sites)
        tellings = self.pipeline.rows(_TELLINGS)
        return f"first {slots}; {closed_ms=}, {events=}, {tellings=}, {stretches=}"

    def finish(self) -> str:
        """Take all sites off, so that no more slots are expected; wait until all is recorded; stop everything.

        Return what the ledger says when the account is closed over all of it; fail when it is not even.
        """
        self._write_sites([])
        wait_for(lambda: self.pipeline.rows(_OPEN_STRETCHES) == [(0,)], within_s=30)
        ended_ms = clock.now_ms()
        recorders = [name for name in _RECORDERS if name in self.pipeline.processes]
        self.stop(*(name for name in self.pipeline.processes if name not in recorders))
        wait_for(lambda: self.unread() == 0, within_s=30)
        ((rows, keys),) = self.pipeline.rows(_COUNTS)
        assert rows == keys
        if self.is_audited:
            wait_for(lambda: self.pipeline.rows(_IS_CLOSED, ended_ms) == [(True,)], HEALED_WITHIN_S)
        ledger = self.ledger() if self.is_audited else ""
        self.stop(*recorders)
        return ledger

    def stop(self, *names: str) -> None:
        """End processes with SIGTERM; fail unless each ends by itself within 10 s with status 0."""
        for name in names:
            # One that a fault brought back a moment ago may not have come to its handlers.
            wait_for(partial(self.pipeline.catches_sigterm, name))
            process = self.pipeline.processes.pop(name)
            assert process.stop(signal.SIGTERM, timeout_s=_STOP_S), f"{name} did not end within {_STOP_S:g} s"
            assert process.wait() == 0, f"{name} ended with status {process.wait()}: see {process.log}"

    @contextmanager
    def as_administrator(self, database: str | None = None) -> Iterator[Connection]:
        """Give a session of PostgreSQL's administrator, in which each statement is its own transaction."""
        environment = self.pipeline.environment
        with closing(
            as_admin(postgres_server(None, environment), admin_credentials(None, environment), database)
        ) as conn:
            yield conn

    # What is to be seen --------------------------------------------------------------------------------------------

    def ledger(self) -> str:
        """Return what ``sitemon ledger`` says; fail when it finds a slot without a row or a row without a slot."""
        return self.pipeline.run("ledger", "sitemon", "ledger").strip()

    def said(self, process: str, part: str = "") -> list[str]:
        """Return the names of the events that a process, or a part of it, logged as warnings or worse, in order."""
        return [event for event in _EVENT.findall(self.pipeline.log_of(process)) if event.startswith(part)]

    def said_by_each(self, worker: str) -> set[tuple[str, ...]]:
        """Return what the processes of a worker said so; one element when each of them said the same."""
        lines = _PROCESS.findall(self.pipeline.log_of(worker))
        return {tuple(event for name, event in lines if name == one) for one, _ in lines}

    def members(self) -> set[str]:
        """Return who is in the recorders' group, as Kafka sees it."""
        with client_of(KafkaAdminClient, self.kafka_server) as admin:
            group = admin.describe_groups([self.group])[self.group]
        return {member["member_id"] for member in group["members"]}

    def unread(self) -> int:
        """Return how many results are not committed by the recorders, by Kafka's own count."""
        topics = topics_of(self.kafka_server)
        with client_of(KafkaAdminClient, self.kafka_server) as admin:
            partitions = [
                TopicPartition(topic["name"], partition["partition_index"])
                for topic in admin.describe_topics([topics.results])
                for partition in topic["partitions"]
            ]
            ends = admin.list_partition_offsets(dict.fromkeys(partitions, -1))
            committed = admin.list_group_offsets(self.group)[self.group]
        read = {partition: offset.offset for partition, offset in committed.items()}
        return sum(int(ends[partition].offset) - max(0, read.get(partition, 0)) for partition in partitions)

    @property
    def group(self) -> str:
        """The recorders' group."""
        return f"{self.kafka_server.topic.removesuffix('.results')}.recorder"

    @property
    def owner(self) -> Credentials:
        """The recorder's role and its database."""
        return database_credentials(None, self.pipeline.environment)

    @property
    def kafka_server(self) -> KafkaServer:
        return kafka_server(None, self.pipeline.environment)

    def _write_sites(self, sites: Sequence[Mapping[str, object]]) -> None:
        new = self.pipeline.sites_file.with_suffix(".new")
        new.write_text(json.dumps({"sites": list(sites)}))
        new.rename(self.pipeline.sites_file)
