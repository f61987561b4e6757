"""What programs of others do with our tasks, through Celery alone: send them, revoke them, send nonsense."""

import uuid
from collections.abc import Iterator

import pytest
import redis
from celery import Celery

from sitemon import clock
from sitemon.local.sample import SampleServer
from tests.acceptance.conftest import url, write_sites
from tests.pipeline import Pipeline, wait_for


@pytest.fixture
def worker(pipeline: Pipeline, sample: SampleServer) -> Pipeline:
    """A worker of one process: of several, each has to hear of a revocation before it is handed the task."""
    pipeline.extra["SITEMON_WORKER_PROCESSES"] = "1"
    site: dict[str, object] = {"name": "shop", "url": url(sample, "/good"), "interval": "1h"}
    write_sites(pipeline.sites_file, site)
    pipeline.start("beatless")
    wait_for(lambda: "ready." in pipeline.log_of("beatless"))
    return pipeline


@pytest.fixture
def other(redis_url: str) -> Iterator[Celery]:
    """An application that knows nothing of ours but the broker."""
    with Celery("other", broker=redis_url, backend=redis_url, set_as_current=False) as app:
        yield app


def test_one_that_names_the_queue_gets_the_result(worker: Pipeline, other: Celery) -> None:
    sent = other.send_task("sitemon.check_site", ["shop"], queue="checks.default")
    assert sent.get(timeout=30)["outcome"] == "up"


def test_what_is_no_site_is_an_error_in_one_line(worker: Pipeline, other: Celery) -> None:
    sent = other.send_task("sitemon.check_site", [1], queue="checks.default")
    with pytest.raises(Exception, match="expected the name of a site or a URL, not int"):
        sent.get(timeout=30)
    assert "Traceback" not in worker.log_of("beatless")


def test_a_revoked_batch_is_said_and_noted_so_that_it_is_not_sent_again(
    worker: Pipeline, other: Celery, redis_url: str
) -> None:
    batch_id = uuid.uuid4().hex
    assert other.control.revoke(batch_id, reply=True, timeout=10)
    slots = [("shop", clock.now_ms())]
    other.send_task("sitemon.check_slots", [slots], task_id=batch_id, queue="checks.default")
    wait_for(lambda: f"worker.batch_revoked: somebody has revoked task {batch_id}" in worker.log_of("beatless"))
    with redis.Redis.from_url(redis_url) as client:
        wait_for(lambda: client.exists(f"{{sitemon}}:received:{batch_id}"))
