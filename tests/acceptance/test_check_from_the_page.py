"""A check that somebody asks for over the API: a worker makes it, and it is recorded like every other."""

import re

import httpx

from sitemon.local.sample import SampleServer
from sitemon.web.sessions import digest_of
from tests.acceptance.conftest import url, write_sites
from tests.pipeline import Pipeline, wait_for

BEARER = {"Authorization": "Bearer sitemon_of-anna"}
ADHOC = "SELECT site, outcome FROM sitemon.results WHERE kind = 'adhoc'"
READY_WITHIN_S = 60


def address_of_page(pipeline: Pipeline) -> str:
    [address] = wait_for(lambda: re.findall(r"web\.listening: (\S+)/", pipeline.log_of("web")))
    return str(address)


def is_watched(address: str) -> bool:
    return httpx.get(f"{address}/api/v1/sites/shop").status_code == 200


def test_a_worker_makes_the_check_and_the_answer_is_what_is_recorded(pipeline: Pipeline, sample: SampleServer) -> None:
    write_sites(pipeline.sites_file, {"name": "shop", "url": url(sample, "/good"), "interval": "1h"})
    pipeline.extra["SITEMON_WEB_TOKENS"] = f'{{"anna": "{digest_of("sitemon_of-anna")}"}}'
    pipeline.start("worker", "recorder", "web")
    address = address_of_page(pipeline)
    wait_for(lambda: is_watched(address), READY_WITHIN_S)
    assert httpx.post(f"{address}/api/v1/sites/shop/check").status_code == 401
    answer = httpx.post(f"{address}/api/v1/sites/shop/check", headers=BEARER, timeout=40)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["site"], found["kind"], found["outcome"], found["http_code"]) == ("shop", "adhoc", "up", 200)
    assert found["first_byte_s"] > 0
    wait_for(lambda: pipeline.rows(ADHOC) == [("shop", "up")])
    recorded = httpx.get(f"{address}/api/v1/sites/shop/results", params={"kind": "adhoc"}).json()["items"]
    assert [row["checked_at"] for row in recorded] == [found["checked_at"]]
    assert "web.check_asked: by=anna via=token from=127.0.0.1 site=shop region=default" in pipeline.log_of("web")
    assert "sitemon_of-anna" not in pipeline.log_of("web")
