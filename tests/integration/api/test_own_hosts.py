"""A web site whose name leads to this machine once a browser has loaded it (DNS rebinding), and names that are ours."""

from ipaddress import ip_network
from typing import Final

import httpx
import msgspec

from tests.integration.api.conftest import Serve
from tests.integration.api.scene import SETTINGS, Scene, problem

PAGES: Final = ("/", "/sites/intern", "/results.csv?site=intern&range=1h", "/incidents", "/report", "/sign-in")
BADGE_OF_NOT_ALL: Final = "/badge/intern/state.svg"
OF_PROGRAMS: Final = ("/api/v1/sites", "/api/v1/openapi.json", "/api/v1/events", "/api/v1/session")
OF_EVERYBODY: Final = ("/public", "/feed.atom", "/static/sitemon.css", "/healthz", "/readyz")


def ask(page: httpx.Client, path: str, name: str, method: str = "GET", **headers: str) -> httpx.Response:
    """Ask as a browser does for which a name leads to the page."""
    return page.request(method, path, headers={"Host": f"{name}:{page.base_url.port}", **headers})


def test_a_web_site_reads_nothing_by_a_name_that_leads_here(page: httpx.Client) -> None:
    for path in (*PAGES, BADGE_OF_NOT_ALL, *OF_PROGRAMS):
        answer = ask(page, path, "evil.example")
        assert answer.status_code == 421, path
        assert "SITEMON_WEB_PUBLIC_URL" in problem(answer)["detail"]


def test_nor_does_it_act_as_whom_a_proxy_on_this_machine_would_name(serve_page: Serve, scene: Scene) -> None:
    networks = (ip_network("127.0.0.0/8"),)
    trusting = msgspec.structs.replace(SETTINGS, proxy_networks=networks, proxy_header="x-forwarded-user")
    page = serve_page(settings=trusting)
    claim = {"X-Forwarded-User": "anna", "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Host": "status.example"}
    csrf_token = ask(page, "/api/v1/session", "localhost", **claim).json()["csrf_token"]
    path = f"/api/v1/incidents/{scene.incident_id}/ack"
    assert ask(page, path, "evil.example", "POST", **claim, **{"X-CSRF-Token": csrf_token}).status_code == 421
    assert scene.acknowledged_by(scene.incident_id) is None


def test_what_is_for_everybody_is_there_under_any_name(page: httpx.Client, serve_page: Serve) -> None:
    for path in OF_EVERYBODY:
        assert ask(page, path, "evil.example").status_code == 200, path
    public_alone = serve_page(only_public=True)
    assert ask(public_alone, "/badge/shop/state.svg", "evil.example").status_code == 200
    assert ask(public_alone, "/", "evil.example").headers["location"] == "/public"


def test_who_means_this_machine_reads(page: httpx.Client) -> None:
    for name in ("127.0.0.1", "[::1]", "localhost", "sitemon", "host.docker.internal"):
        assert ask(page, "/", name).status_code == 200, name


def test_the_name_of_public_url_is_ours_as_soon_as_it_is_said(serve_page: Serve) -> None:
    settings = [SETTINGS]
    page = serve_page(settings=lambda: settings[-1])
    assert ask(page, "/", "status.example").status_code == 421
    settings.append(msgspec.structs.replace(SETTINGS, public_url="https://Status.example"))
    assert ask(page, "/", "status.example").status_code == 200
    assert ask(page, "/", "evil.example").status_code == 421


def test_a_proxy_may_pass_on_any_name(page: httpx.Client) -> None:
    for host in ("status.example", "status.example:443", "sitemon.monitoring:80"):
        assert page.get("/", headers={"Host": host}).status_code == 200, host
