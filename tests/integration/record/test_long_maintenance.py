"""Maintenance that takes longer than it may is canceled before the recorder gives up, and the rest of it is done."""

from datetime import timedelta
from types import ModuleType

import pytest

from sitemon import clock
from sitemon.store import recent, roll_up, steps
from sitemon.store.connect import Connection
from sitemon.store.partitions import DEFAULT_RETENTION, make_partitions
from sitemon.store.steps import Steps
from sitemon.stream.in_memory import MemoryBroker, MemoryProducer
from sitemon.stream.messenger import result_record
from tests.databases import execute, rows
from tests.integration.record.conftest import TOPICS, StartRecorder, wait_until
from tests.results import a_result, this_hour

DAY = timedelta(days=1)
OLDEST = "SELECT min(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'sitemon.result'::regclass"


@pytest.mark.parametrize(
    ("step", "module", "query"), [("roll-up", roll_up, "roll_up_counts"), ("last days", recent, "sum_recent")]
)
def test_what_comes_after_it_is_done_and_recording_goes_on(
    conn: Connection,
    broker: MemoryBroker,
    start_recorder: StartRecorder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    step: str,
    module: ModuleType,
    query: str,
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(steps, "STEP_S", 0.2)
    monkeypatch.setattr(module, "_sql", {**module._sql, query: f"SELECT pg_sleep_for('1 hour'); {module._sql[query]}"})
    start = this_hour() - timedelta(hours=2)
    execute(
        conn,
        "UPDATE sitemon.watermark SET hours_until_at = %s, days_until = %s, recent_until_at = '-infinity'",
        (start, start.date()),
    )
    make_partitions(Steps(conn), clock.utc_now() - 10 * DAY, DEFAULT_RETENTION)
    running = start_recorder()
    kept_from = f"sitemon.result_{DEFAULT_RETENTION.first_raw_day(clock.utc_now()):%Y%m%d}"
    wait_until(lambda: rows(conn, OLDEST) == [(kept_from,)])
    MemoryProducer(broker).send(result_record(TOPICS, a_result()), 1.0).wait(1.0)
    wait_until(lambda: sum(report.inserted for report in running.reports) == 1)
    assert f"recorder.maintenance_put_off: {step}: canceling statement due to statement timeout" in caplog.text
    assert "postgres_frozen" not in caplog.text
