"""How pages are sent: once for all, compressed, known by their ETags, and with what keeps scripts of others out."""

import gzip
import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import NamedTuple

import pytest

from sitemon import clock
from sitemon.model.moment import format_utc
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.write import write_batch
from sitemon.web import downloads, site_data
from sitemon.web.shared import Shared
from tests.browser.scene import few_with_incidents, incident
from tests.browser.serving import Site, serving
from tests.databases import template_filled_by
from tests.integration.web.conftest import Connect
from tests.results import a_result

PATHS = (
    "/",
    "/sites/shop",
    "/incidents",
    "/incidents/1",
    "/report",
    "/sites/nowhere",
    "/nowhere",
    "/static/sitemon.js",
    "/healthz",
)


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


template = template_filled_by(lambda conn: few_with_incidents(conn, clock.utc_now()))


@pytest.fixture
def site(reader: Connect) -> Iterator[Site]:
    with serving(reader) as site:
        yield site


def ask(site: Site, path: str, method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=15)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return Answer(answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize("path", PATHS)
def test_each_answer_keeps_scripts_of_others_out(site: Site, path: str) -> None:
    headers = ask(site, path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


@pytest.mark.parametrize("path", ["/", "/sites/shop", "/incidents", "/report?group_by=team"])
def test_a_page_holds_no_inline_script_or_style(site: Site, path: str) -> None:
    text = ask(site, path).body.decode()
    assert "style=" not in text
    assert "<style" not in text
    assert text.count("<script") == text.count('<script src="/static/') == 1
    assert " on" not in [part[:3] for part in text.split("<")]


def test_what_is_known_is_not_sent_again(site: Site) -> None:
    first = ask(site, "/incidents/3", accept_encoding="gzip")
    again = ask(site, "/incidents/3", accept_encoding="gzip", if_none_match=f'"other", {first.headers["etag"]}')
    if again.status == 200:  # a new snapshot came between the two, and says of when it is
        again = ask(site, "/incidents/3", accept_encoding="gzip", if_none_match=again.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert gzip.decompress(first.body).startswith(b"<!doctype html>")
    assert first.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", ["/", "/sites/shop", "/incidents"])
@pytest.mark.parametrize("asked", [{}, {"accept_encoding": "gzip"}])
def test_a_page_that_is_made_already_is_sent_as_its_route_sends_it(
    site: Site, path: str, asked: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_date(answer: Answer) -> Answer:
        return answer._replace(headers={name: value for name, value in answer.headers.items() if name != "date"})

    def at_once() -> Answer:
        for method in ("GET", "HEAD"):
            answers[method] = without_date(ask(site, path, method, **asked))
        return answers["GET"]

    answers: dict[str, Answer] = {}
    # A snapshot may come between two answers, which then differ.
    while (made := at_once()) != at_once():
        pass
    monkeypatch.setattr(Shared, "at_hand", lambda *_: None)
    while (by_route := at_once()) != at_once():
        pass
    assert made.headers.keys() == by_route.headers.keys()
    assert made.status == by_route.status == 200


def test_who_takes_no_compression_gets_none(site: Site) -> None:
    plain = ask(site, "/")
    assert "content-encoding" not in plain.headers
    assert plain.body.startswith(b"<!doctype html>")


def test_our_own_files_are_kept_by_the_browser(site: Site) -> None:
    page = ask(site, "/").body.decode()
    address = page.partition('href="/static/sitemon.css')[2].partition('"')[0]
    answer = ask(site, "/static/sitemon.css" + address)
    assert "immutable" in answer.headers["cache-control"]


def test_readers_at_once_get_the_same_page(site: Site) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: ask(site, "/"), range(64)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) <= 5


@pytest.mark.parametrize("path", ["/", "/sites/shop", "/results.csv?site=shop"])
def test_head_answers_as_get_does_without_the_content(site: Site, path: str) -> None:
    answer = ask(site, path, "HEAD")
    assert (answer.status, answer.body) == (200, b"")


def test_head_of_a_download_reads_no_results(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/results.csv?site=shop"
    as_get = ask(site, path).headers
    monkeypatch.setattr(downloads, "all_results", None)
    answer = ask(site, path, "HEAD")
    assert (answer.status, set(answer.headers)) == (200, set(as_get) - {"transfer-encoding"})
    assert answer.headers["content-type"] == as_get["content-type"]


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/"])
def test_no_other_file_is_given_out(site: Site, path: str) -> None:
    assert ask(site, path).status == 404


def test_a_site_that_answers_with_an_error_keeps_its_certificate(site: Site) -> None:
    assert b"<dt>certificate</dt>" in ask(site, "/sites/checkout").body


def test_an_outage_is_drawn_into_its_time_however_many_came_after_it(
    site: Site, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_data, "_MOST_INCIDENTS", 1)
    now = clock.utc_now()
    incident(conn, "shop", now - timedelta(hours=1), now - timedelta(minutes=50))
    then = f"/sites/shop?range=6h&until={now - timedelta(hours=6):%Y-%m-%dT%H:%M:%SZ}"
    assert b"incident-mark" in ask(site, then).body


def test_results_of_a_stretch_are_those_before_its_end(site: Site, conn: Connection) -> None:
    until = clock.utc_now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=6)
    at_end, before = (a_result("shop", slot_at=until - gap) for gap in (timedelta(0), timedelta(milliseconds=1)))
    write_batch(conn, Names(), [at_end, before])
    page = ask(site, f"/sites/shop?range=1h&until={until:%Y-%m-%dT%H:%M:%SZ}").body.decode()
    newest = page.partition('id="results"')[2].partition("<tbody>")[2].partition('datetime="')[2].partition('"')[0]
    assert newest == format_utc(before.slot_at)
