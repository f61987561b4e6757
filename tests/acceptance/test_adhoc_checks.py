"""Ad-hoc checks through Celery, from Python: ``check_site.delay("example").get(timeout=30)``."""

import json
from typing import Any

import pytest
import redis

from sitemon.local.sample import SampleServer
from tests.acceptance.conftest import ask, url, write_sites
from tests.pipeline import Pipeline, wait_for

ROWS = "SELECT site, kind::text, outcome::text, is_match_found FROM sitemon.results"


def answer(pipeline: Pipeline, name_or_url: str) -> dict[str, Any]:
    asked = ask(pipeline, name_or_url)
    assert asked.returncode == 0, asked.stderr
    found: dict[str, Any] = json.loads(asked.stdout)
    return found


@pytest.fixture
def shop(pipeline: Pipeline, sample: SampleServer) -> Pipeline:
    site: dict[str, object] = {"name": "shop", "url": url(sample, "/good"), "interval": "1h", "match": "In stock"}
    write_sites(pipeline.sites_file, site)
    pipeline.start("beatless", "recorder")
    wait_for(lambda: "ready." in pipeline.log_of("beatless"))
    return pipeline


def test_a_configured_site_is_checked_published_and_recorded(shop: Pipeline) -> None:
    found = answer(shop, "shop")
    assert (found["site"], found["kind"], found["outcome"]) == ("shop", "adhoc", "up")
    assert found["is_match_found"] is True
    wait_for(lambda: shop.rows(ROWS) == [("shop", "adhoc", "up", True)])


def test_a_url_is_checked_too_and_its_query_is_not_shown(shop: Pipeline, sample: SampleServer) -> None:
    found = answer(shop, url(sample, "/nowhere?token=hunter2"))
    assert (found["outcome"], found["reason"], found["http_code"]) == ("down", "http_status", 404)
    assert "hunter2" not in json.dumps(found)
    assert "hunter2" not in shop.log_of("beatless")


def test_a_url_with_a_password_is_not_in_redis_once_it_was_checked(shop: Pipeline, sample: SampleServer) -> None:
    answer(shop, url(sample, "/good").replace("//", "//me:hunter2@"))
    with redis.Redis.from_url(shop.environment["SITEMON_REDIS_URL"]) as client:
        wait_for(lambda: not client.exists("checks.default", "unacked"))
        results = [client.get(key) for key in client.scan_iter("celery-task-meta-*")]
    assert len(results) == 1
    assert b"hunter2" not in (results[0] or b"")


def test_what_is_neither_a_site_nor_a_url_is_an_error_that_says_so(shop: Pipeline) -> None:
    asked = ask(shop, "shpo")
    assert asked.returncode == 1
    assert "did you mean shop?" in asked.stderr


def test_an_adhoc_check_counts_for_neither_status_nor_ledger(shop: Pipeline) -> None:
    answer(shop, "shop")
    wait_for(lambda: shop.rows(ROWS))
    assert shop.rows("SELECT * FROM sitemon.site_status") == []
    assert shop.rows("SELECT * FROM sitemon.ledger") == []
