"""One worker command on several cores: its processes share the work, and live and die together."""

import os
import re
import signal

import psutil

from sitemon.local.sample import SampleServer
from tests.acceptance.conftest import ask, url, write_sites
from tests.pipeline import Pipeline, wait_for

PROCESSES = 3
RESULTS = "SELECT * FROM sitemon.results WHERE kind = 'scheduled' AND slot_at > to_timestamp(%s)"
UNEVEN = """
    SELECT site FROM (
        SELECT site, slot_at - lag(slot_at) OVER (PARTITION BY site ORDER BY slot_at) AS step, outcome
        FROM sitemon.results WHERE kind = 'scheduled'
    ) AS steps WHERE step <> interval '10 s' OR outcome = 'missed'
"""
LAST_MARKS = "SELECT count(*) FROM sitemon.publisher HAVING bool_and(is_last)"
"""How many processes have published; none while one of them has not said that it ended."""
TAKEN = re.compile(r"INFO/(\S+)\] Task sitemon\.check_slots\S+ received")


def begin(pipeline: Pipeline, sample: SampleServer) -> list[psutil.Process]:
    """Start worker and recorder over 60 sites, and return the processes that check once all of them do."""
    pipeline.extra["SITEMON_WORKER_PROCESSES"] = str(PROCESSES)
    sites = [{"name": f"s{n}", "url": url(sample, "/good"), "interval": 10} for n in range(60)]
    write_sites(pipeline.sites_file, *sites)
    pipeline.start("worker", "recorder")
    wait_for(lambda: set(TAKEN.findall(pipeline.log_of("worker"))) == {"MainProcess", "Worker-2", "Worker-3"})
    wait_for(lambda: len(pipeline.rows(RESULTS, 0)) > 60)
    return pipeline.worker_processes("worker")


def test_a_killed_process_is_replaced_and_loses_no_slot(pipeline: Pipeline, sample: SampleServer) -> None:
    crew = begin(pipeline, sample)
    assert len(crew) == PROCESSES
    for victim in crew[:2]:
        victim.kill()
    wait_for(lambda: pipeline.log_of("worker").count("worker.process_died") == 2)
    ((last_s,),) = pipeline.rows("SELECT extract(epoch FROM max(slot_at))::float FROM sitemon.results")
    wait_for(lambda: len(pipeline.rows(RESULTS, last_s + 15)) > 20, within_s=60)
    wait_for(lambda: pipeline.rows(UNEVEN) == [])  # what the killed ones had in hand comes after later slots
    assert len(pipeline.worker_processes("worker")) == PROCESSES
    assert pipeline.beat_pid() is not None


def test_all_processes_end_when_the_command_is_killed(pipeline: Pipeline, sample: SampleServer) -> None:
    crew = begin(pipeline, sample)
    os.kill(pipeline.processes["worker"].pid, signal.SIGKILL)
    wait_for(lambda: not any(psutil.pid_exists(one.pid) for one in crew))


def test_sigterm_ends_them_all_in_good_order(pipeline: Pipeline, sample: SampleServer) -> None:
    begin(pipeline, sample)
    assert pipeline.processes["worker"].stop(timeout_s=10)
    assert pipeline.processes["worker"].wait() == 0
    assert "Traceback" not in pipeline.log_of("worker")
    assert pipeline.rows(UNEVEN) == []
    wait_for(lambda: pipeline.rows(LAST_MARKS) == [(PROCESSES + 1,)])


def test_a_process_that_is_frozen_gives_up_its_slots(pipeline: Pipeline, sample: SampleServer) -> None:
    crew = begin(pipeline, sample)
    ((last_s,),) = pipeline.rows("SELECT extract(epoch FROM max(slot_at))::float FROM sitemon.results")
    crew[1].suspend()
    wait_for(lambda: len(pipeline.rows(RESULTS, last_s + 15)) > 20, within_s=60)
    assert pipeline.rows(UNEVEN) == []
    crew[1].resume()


def test_adhoc_checks_work_whichever_process_makes_them(pipeline: Pipeline, sample: SampleServer) -> None:
    begin(pipeline, sample)
    for _ in range(4):
        assert ask(pipeline, "s1").returncode == 0
