"""What takes long to read or to write: programs that wait for it hold up nobody who reads something else."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from types import ModuleType
from typing import Any, Final

import httpx
import pytest

from sitemon.web import feed, incident_pages, public, site_data
from sitemon.web.api import history, incidents, ledger, sites
from sitemon.web.client_limit import AT_ONCE
from tests.integration.api.conftest import TRUSTS_NOBODY
from tests.integration.api.scene import Scene

THREADS_OF_THE_PAGE: Final = 40
"""So many has Starlette."""
UNREAD: Final = "cannot be read now"


@pytest.fixture
def goes_on(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> Iterator[threading.Event]:
    """Read, or write, for as long as this is not set."""
    event, read = threading.Event(), getattr(module, name)

    def read_slowly(*args: Any, **fields: Any) -> Any:
        event.wait()
        return read(*args, **fields)

    monkeypatch.setattr(module, name, read_slowly)
    yield event
    event.set()


@pytest.mark.parametrize(
    ("module", "name", "path"),
    [
        (ledger, "read_ledger_page", "ledger"),
        (ledger, "as_json", "ledger"),
        (history, "read_results", "sites/shop/results"),
        (history, "as_json", "sites/shop/results"),
        (incidents, "as_json", "incidents"),
        (sites, "_shown", "sites"),
        (sites, "_shown", "sites/shop"),
    ],
    ids=["ledger", "its JSON", "results", "their JSON", "JSON of incidents", "JSON of sites", "JSON of a site"],
)
def test_who_waits_for_it_holds_up_no_page(
    page: httpx.Client, scene: Scene, goes_on: threading.Event, path: str
) -> None:
    with ThreadPoolExecutor(2 * THREADS_OF_THE_PAGE) as readers:
        place = f"{page.base_url}/api/v1/{path}"
        asked = [
            readers.submit(httpx.get, place, timeout=30, verify=TRUSTS_NOBODY) for _ in range(2 * THREADS_OF_THE_PAGE)
        ]
        assert not wait(asked, timeout=1).done
        answers = [page.get(other, timeout=20) for other in ("/sites/shop", "/readyz")]
        goes_on.set()
        assert [answer.status_code for answer in answers] == [200, 200]
        assert {one.result().status_code for one in asked} <= {200, 503}


@pytest.mark.parametrize(
    ("module", "name", "path"),
    [
        (history, "read_results", "api/v1/sites/shop/results"),
        (sites, "_shown", "api/v1/sites"),
        (public, "read_uptime_of_days", "badge/intern/uptime.svg"),
        (public, "read_uptime_of_days", "badge/shop/uptime.svg"),
        (public, "read_incidents_in_turns", "feed.atom"),
        (incident_pages, "read_incident", "incidents/1"),
    ],
    ids=["results", "JSON of sites", "a badge", "a public badge", "the feed", "an incident"],
)
def test_who_waits_for_it_holds_up_no_program_of_another(
    page: httpx.Client, goes_on: threading.Event, path: str
) -> None:
    with ThreadPoolExecutor(AT_ONCE) as readers:
        place = f"{page.base_url}/{path}"
        asked = [readers.submit(httpx.get, place, timeout=30, verify=TRUSTS_NOBODY) for _ in range(AT_ONCE)]
        assert not wait(asked, timeout=1).done
        with another() as other:
            assert other.get(f"{page.base_url}/api/v1/incidents").status_code == 200
        goes_on.set()
        assert {one.result().status_code for one in asked} == {200}


def another(address: str = "127.0.0.2") -> httpx.Client:
    """Return another client's browser."""
    return httpx.Client(transport=httpx.HTTPTransport(local_address=address), timeout=5)


@pytest.mark.parametrize(
    ("module", "name"), [(public, "read_incidents_in_turns"), (feed, "feed_of")], ids=["incidents", "to make it"]
)
def test_feeds_by_many_names_take_no_place_of_pages(page: httpx.Client, goes_on: threading.Event) -> None:
    place = f"{page.base_url}/feed.atom"
    with ThreadPoolExecutor(4) as readers, another() as second, another("127.0.0.3") as third:
        asked = [
            readers.submit(client.get, place, headers={"Host": host}, timeout=30)
            for client, host in zip((page, page, second, second), "abcd", strict=True)
        ]
        assert not wait(asked, timeout=1).done
        assert third.get(f"{page.base_url}/?q=new").status_code == 200
        goes_on.set()
        assert {one.result().status_code for one in asked} == {200}


@pytest.mark.parametrize(("module", "name"), [(history, "read_results")], ids=["results"])
def test_who_waits_for_pages_and_programs_holds_up_neither_of_another(
    page: httpx.Client, goes_on: threading.Event, monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str
) -> None:
    monkeypatch.setattr(site_data, name, getattr(module, name))
    paths = ["sites/shop?range=1h", "sites/shop?range=6h", "api/v1/sites/shop/results"] * 2
    with ThreadPoolExecutor(len(paths)) as readers:
        asked = [
            readers.submit(httpx.get, f"{page.base_url}/{path}", timeout=30, verify=TRUSTS_NOBODY) for path in paths
        ]
        assert not wait(asked, timeout=1).done
        with another() as other:
            assert other.get(f"{page.base_url}/api/v1/incidents").status_code == 200
            assert UNREAD not in other.get(f"{page.base_url}/incidents").text
        goes_on.set()
        assert {one.result().status_code for one in asked} == {200}
