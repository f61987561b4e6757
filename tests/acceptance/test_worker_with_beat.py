"""``celery -A sitemon worker -B`` as it is: no flag more, and every way in which its parts can end."""

import os
import signal

import psutil
import pytest

from sitemon import clock
from sitemon.local.sample import SAMPLES, SampleServer
from sitemon.schedule.slots import next_slot_ms
from tests.acceptance.conftest import url, write_sites
from tests.pipeline import Pipeline, wait_for

COUNT = "SELECT count(*) FROM sitemon.results WHERE kind = 'scheduled'"
NOT_ONCE = """
    SELECT site, slot_at, count(*) FROM sitemon.results WHERE kind = 'scheduled' GROUP BY 1, 2 HAVING count(*) > 1
"""
FEWEST_ROWS = "SELECT min(count) FROM (SELECT count(*) FROM sitemon.results GROUP BY site) AS of_site"
OUTCOMES = (
    "SELECT DISTINCT ON (site) site, outcome::text, reason::text FROM sitemon.results ORDER BY site, slot_at DESC"
)
SLOTS_MS = """
    SELECT (extract(epoch FROM slot_at) * 1000)::bigint FROM sitemon.results
    WHERE site = 'good' AND outcome <> 'missed' ORDER BY 1
"""


def good_site(sample: SampleServer, **fields: object) -> dict[str, object]:
    return {"name": "good", "url": url(sample, "/good"), "interval": 1} | fields


def slots_ms(pipeline: Pipeline) -> list[int]:
    return [row[0] for row in pipeline.rows(SLOTS_MS)]


def wait_for_slots_after(pipeline: Pipeline, moment_ms: int, within_s: float = 40.0) -> None:
    wait_for(lambda: any(slot_ms > moment_ms for slot_ms in slots_ms(pipeline)), within_s)


def test_rows_arrive_of_every_sample_site_and_none_twice(pipeline: Pipeline, sample: SampleServer) -> None:
    pipeline.extra["SITEMON_SITES"] = str(sample.sites_file)
    pipeline.start("worker", "recorder")
    wait_for(
        lambda: len(pipeline.rows(OUTCOMES)) == len(SAMPLES) and pipeline.rows(FEWEST_ROWS)[0][0] >= 5, within_s=60
    )
    outcomes = {site: (outcome, reason) for site, outcome, reason in pipeline.rows(OUTCOMES)}
    assert outcomes["good"] == ("up", None)
    assert outcomes["broken"] == ("down", "http_status")
    assert outcomes["stuck"] == ("down", "timeout")
    assert outcomes["expired"] == ("down", "tls_error")
    assert pipeline.rows(NOT_ONCE) == []


def test_every_slot_from_the_first_on_is_there(pipeline: Pipeline, sample: SampleServer) -> None:
    write_sites(pipeline.sites_file, good_site(sample))
    pipeline.start("worker", "recorder")
    wait_for(lambda: len(slots_ms(pipeline)) >= 8)
    found = slots_ms(pipeline)
    assert found == list(range(found[0], found[-1] + 1, 1_000))
    assert found[0] == next_slot_ms("good", 1_000, found[0] - 1)


def test_an_embedded_beat_dies_with_its_killed_worker(pipeline: Pipeline, sample: SampleServer) -> None:
    write_sites(pipeline.sites_file, good_site(sample))
    pipeline.start("worker", "recorder")
    wait_for(lambda: slots_ms(pipeline))
    beat_pid = wait_for(pipeline.beat_pid)
    assert beat_pid is not None
    os.kill(pipeline.processes["worker"].pid, signal.SIGKILL)
    wait_for(lambda: not psutil.pid_exists(beat_pid))


def test_the_beat_of_a_killed_process_gives_back_the_lease(pipeline: Pipeline, sample: SampleServer) -> None:
    pipeline.extra["SITEMON_WORKER_PROCESSES"] = "2"
    write_sites(pipeline.sites_file, good_site(sample))
    pipeline.start("worker", "recorder")
    wait_for(lambda: slots_ms(pipeline))
    beat = psutil.Process(wait_for(pipeline.beat_pid))
    beat.parent().kill()  # type: ignore[union-attr] # the worker process that has the beat
    wait_for(lambda: "beat.resigned" in pipeline.log_of("worker"))


def test_a_killed_embedded_beat_is_started_again_and_no_slot_is_missed(
    pipeline: Pipeline, sample: SampleServer
) -> None:
    write_sites(pipeline.sites_file, good_site(sample, interval=20))  # a busy machine takes over 10 s to start one
    pipeline.start("worker", "recorder")
    wait_for(lambda: slots_ms(pipeline))
    pipeline.kill("beat")
    killed_ms = clock.now_ms()
    wait_for_slots_after(pipeline, killed_ms, within_s=60)
    found = slots_ms(pipeline)
    assert found == list(range(found[0], found[-1] + 1, 20_000))
    assert "worker.beat_died" in pipeline.log_of("worker")


def test_a_worker_killed_in_mid_batch_loses_no_slot(pipeline: Pipeline, sample: SampleServer) -> None:
    slow = [{"name": f"slow-{n}", "url": url(sample, "/slow"), "interval": 10} for n in range(40)]
    write_sites(pipeline.sites_file, *slow)
    pipeline.start("worker", "recorder")
    wait_for(lambda: pipeline.rows(COUNT)[0][0] > 20)
    pipeline.kill("worker")
    back_ms = clock.now_ms()
    later = "SELECT count(*) FROM sitemon.results WHERE slot_at > to_timestamp(%s)"
    wait_for(lambda: pipeline.rows(later, back_ms / 1_000 + 12)[0][0], within_s=60)
    gaps = pipeline.rows(
        """
        SELECT site FROM (
            SELECT site, slot_at - lag(slot_at) OVER (PARTITION BY site ORDER BY slot_at) AS step, outcome
            FROM sitemon.results
        ) AS steps WHERE step <> interval '10 s' OR outcome = 'missed'
        """
    )
    assert gaps == []
    assert pipeline.rows(NOT_ONCE) == []


def test_an_edit_is_taken_up_within_five_seconds_and_a_bad_one_keeps_the_old_set(
    pipeline: Pipeline, sample: SampleServer
) -> None:
    write_sites(pipeline.sites_file, good_site(sample))
    pipeline.start("worker", "recorder")
    wait_for(lambda: slots_ms(pipeline))
    other = {"name": "other", "url": url(sample, "/good"), "interval": 1}
    write_sites(pipeline.sites_file, good_site(sample), other)
    edited_ms = clock.now_ms()
    first = "SELECT (extract(epoch FROM min(slot_at)) * 1000)::bigint FROM sitemon.results WHERE site = 'other'"
    wait_for(lambda: pipeline.rows(first)[0][0])
    assert pipeline.rows(first)[0][0] - edited_ms < 5_000
    write_sites(pipeline.sites_file, good_site(sample, intervall=2))
    wait_for(lambda: "config.sites_kept" in pipeline.log_of("worker"))
    assert "did you mean interval?" in pipeline.log_of("worker")
    kept_ms = clock.now_ms()
    wait_for_slots_after(pipeline, kept_ms)


@pytest.mark.parametrize("killed", ["beat", "second-beat"])
def test_of_two_beats_either_may_die_and_the_other_goes_on(
    pipeline: Pipeline, sample: SampleServer, killed: str
) -> None:
    write_sites(pipeline.sites_file, good_site(sample, interval=2))
    pipeline.start("beat", "beatless", "recorder")
    wait_for(lambda: slots_ms(pipeline))
    pipeline.start("second-beat")
    wait_for(lambda: "beat: Starting" in pipeline.log_of("second-beat"))
    pipeline.processes[killed].kill()
    killed_ms = clock.now_ms()
    wait_for_slots_after(pipeline, killed_ms + 10_000)
    assert pipeline.rows(NOT_ONCE) == []
