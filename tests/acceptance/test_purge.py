"""``celery purge`` while batches wait: each slot of them has its row all the same."""

import re

import redis

from sitemon import clock
from sitemon.local.sample import SampleServer
from tests.acceptance.conftest import url, write_sites
from tests.pipeline import Pipeline, wait_for

PATIENCE_MS = 15_000
"""Of a site with an interval of two seconds and a timeout of one."""


def test_what_was_purged_is_in_the_ledger(pipeline: Pipeline, sample: SampleServer, redis_url: str) -> None:
    write_sites(pipeline.sites_file, {"name": "shop", "url": url(sample, "/good"), "interval": 2, "timeout": 1})
    pipeline.start("beat", "recorder")
    with redis.Redis.from_url(redis_url) as client:
        wait_for(lambda: client.llen("checks.default") >= 3)
    assert re.search(r"Purged \d+ messages", pipeline.run("purge", "celery", "-A", "sitemon", "purge", "-f"))
    purged_ms = clock.now_ms()
    pipeline.start("beatless")
    wait_for(lambda: pipeline.rows("SELECT FROM sitemon.results WHERE outcome = 'up'"))
    pipeline.await_closed(purged_ms + PATIENCE_MS, within_s=60)
    said = pipeline.run("ledger", "sitemon", "ledger")
    assert re.fullmatch(r"[1-9]\d* expected = .* \+ 0 unaccounted; 0 unexpected\n", said)
