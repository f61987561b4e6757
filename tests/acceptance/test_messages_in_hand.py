"""Which messages come back: those of the dead, and only those, as seen by a site that counts its visits."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest

from sitemon import clock
from sitemon.celery_settings import VISIBILITY_TIMEOUT_S
from tests.acceptance.conftest import ask, write_sites
from tests.pipeline import Pipeline, wait_for

ANSWER_AFTER_S = VISIBILITY_TIMEOUT_S * 2.0
NOT_TEN_SECONDS_APART = """
    SELECT site FROM (
        SELECT site, slot_at - lag(slot_at) OVER (PARTITION BY site ORDER BY slot_at) AS step, outcome
        FROM sitemon.results WHERE kind = 'scheduled'
    ) AS steps WHERE step <> interval '10 s' OR outcome = 'missed'
"""


class CountingSite:
    """Answers ``/slow`` after a while and all else at once, and counts the visits to each path."""

    def __init__(self) -> None:
        self.visits: Counter[str] = Counter()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.visits[self.path] += 1
                if self.path.startswith("/slow"):
                    site.is_ending.wait(ANSWER_AFTER_S)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Say nothing."""

        self.is_ending = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def end(self) -> None:
        self.is_ending.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[CountingSite]:
    site = CountingSite()
    yield site
    site.end()


def test_a_check_that_takes_longer_than_the_visibility_timeout_runs_once(
    pipeline: Pipeline, site: CountingSite
) -> None:
    write_sites(
        pipeline.sites_file,
        {"name": "slow", "url": f"{site.url}/slow", "interval": 60, "timeout": 30},
        {"name": "quick", "url": f"{site.url}/quick", "interval": 1},
    )
    pipeline.start("worker", "recorder")
    wait_for(lambda: site.visits["/slow"], within_s=70)
    wait_for(lambda: pipeline.rows("SELECT * FROM sitemon.results WHERE site = 'slow'"), within_s=ANSWER_AFTER_S + 10)
    assert site.visits["/slow"] == 1
    assert site.visits["/quick"] > ANSWER_AFTER_S


def test_a_killed_child_of_a_prefork_pool_loses_no_slot(pipeline: Pipeline, site: CountingSite) -> None:
    (pipeline.folder / "celeryconfig.py").write_text('worker_pool = "prefork"\nworker_concurrency = 2\n')
    listed: list[dict[str, object]] = [{"name": f"s{n}", "url": f"{site.url}/{n}", "interval": 10} for n in range(100)]
    write_sites(pipeline.sites_file, *listed)
    pipeline.start("beat", "prefork", "recorder")
    wait_for(lambda: len(pipeline.rows("SELECT * FROM sitemon.results")) > 50)
    for child in psutil.Process(pipeline.processes["prefork"].pid).children():
        os.kill(child.pid, signal.SIGKILL)
    killed_s = clock.now_ms() / 1_000
    later = "SELECT * FROM sitemon.results WHERE slot_at > to_timestamp(%s)"
    wait_for(lambda: len(pipeline.rows(later, killed_s + 15)) > 20, within_s=60)
    wait_for(lambda: pipeline.rows(NOT_TEN_SECONDS_APART) == [])  # what they had in hand comes after later slots


@pytest.mark.parametrize(("pool", "concurrency", "hanging"), [("threads", 500, 40), ("prefork", 8, 8)])
def test_sigterm_ends_a_worker_with_hanging_checks_and_their_slots_are_checked_by_the_next(
    pipeline: Pipeline, site: CountingSite, pool: str, concurrency: int, hanging: int
) -> None:
    settings = f'worker_pool = "{pool}"\nworker_concurrency = {concurrency}\n'
    (pipeline.folder / "celeryconfig.py").write_text(settings)
    slow: list[dict[str, object]] = [
        {"name": f"s{n}", "url": f"{site.url}/slow/{n}", "interval": 60, "timeout": 50} for n in range(180)
    ]
    write_sites(pipeline.sites_file, *slow)
    pipeline.start("beat", "beatless", "recorder")
    wait_for(lambda: len(site.visits) >= hanging, within_s=60.0)
    hung = {path.replace("/slow/", "s") for path in site.visits}
    assert pipeline.processes["beatless"].stop(timeout_s=30), "it waited for checks of 50 s"
    assert pipeline.processes["beatless"].wait() == 0
    assert "Traceback" not in pipeline.log_of("beatless")
    site.is_ending.set()
    pipeline.start("beatless")
    up = "SELECT DISTINCT site FROM sitemon.results WHERE outcome = 'up'"
    wait_for(lambda: hung <= {name for (name,) in pipeline.rows(up)})
    assert pipeline.rows("SELECT site FROM sitemon.results WHERE outcome = 'missed'") == []


def test_without_kafka_an_adhoc_check_fails_and_says_why(pipeline: Pipeline, site: CountingSite) -> None:
    pipeline.extra["SITEMON_KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:9"
    pipeline.start("beatless")
    wait_for(lambda: " ready." in pipeline.log_of("beatless"))
    began_s = time.monotonic()
    asked = ask(pipeline, f"{site.url}/quick")
    assert asked.returncode == 1
    assert "Kafka did not acknowledge the result within 20 s" in asked.stderr
    assert 20 <= time.monotonic() - began_s < 60
