"""The sample sites do what they say."""

import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sitemon.local.sample import SampleServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleServer]:
    server = SampleServer(tmp_path_factory.mktemp("sample"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def urls(server: SampleServer) -> dict[str, str]:
    document: Any = yaml.safe_load(server.sites_file.read_text())
    return {site["name"]: site["url"] for site in document["sites"]}


def visit(url: str, ca_file: Path | None = None) -> str:
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    with urllib.request.urlopen(url, timeout=1, context=context) as response:  # noqa: S310 - our own server
        text: str = response.read().decode()
    return text


@pytest.mark.parametrize("name", ["good", "moved", "slow"])
def test_a_good_site_is_in_stock(urls: dict[str, str], name: str) -> None:
    assert "In stock: 42" in visit(urls[name])


def test_a_sold_out_site_is_not_in_stock(urls: dict[str, str]) -> None:
    assert "In stock" not in visit(urls["sold-out"])


@pytest.mark.parametrize(("name", "status"), [("broken", 500), ("gone", 404)])
def test_a_broken_site_answers_with_an_error(urls: dict[str, str], name: str, status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        visit(urls[name])
    with raised.value as answer:
        assert answer.code == status


@pytest.mark.parametrize(
    ("name", "error"),
    [("stuck", TimeoutError), ("reset", ConnectionResetError), ("refused", urllib.error.URLError)],
)
def test_a_site_that_is_away_gives_no_answer(urls: dict[str, str], name: str, error: type[OSError]) -> None:
    with pytest.raises(error):
        visit(urls[name])


def test_a_flaky_site_fails_at_every_fourth_visit(urls: dict[str, str]) -> None:
    assert [_is_up(urls["flaky"]) for _ in range(8)].count(False) == 2


def _is_up(url: str) -> bool:
    try:
        visit(url)
    except urllib.error.HTTPError as exc:
        exc.close()
        return False
    return True


def test_an_expiring_certificate_is_trusted_by_its_own_ca_alone(server: SampleServer, urls: dict[str, str]) -> None:
    ca_file = server.sites_file.with_name("ca.pem")
    assert "In stock" in visit(urls["expiring"], ca_file)
    with pytest.raises(urllib.error.URLError, match="unable to get local issuer certificate"):
        visit(urls["untrusted"])


def test_an_expired_certificate_is_not_trusted(server: SampleServer, urls: dict[str, str]) -> None:
    with pytest.raises(urllib.error.URLError, match="certificate has expired"):
        visit(urls["expired"], server.sites_file.with_name("ca.pem"))
