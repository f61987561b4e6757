"""A site's page that somebody looks at is read when a result of it comes, though nobody asks for it just then."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from sitemon import clock
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.write import write_batch
from sitemon.web import site_data, site_page
from sitemon.web.dependencies import Web
from sitemon.web.site_data import Asked, SiteData
from sitemon.web.sites import SiteView
from tests.browser.scene import few_with_incidents
from tests.browser.serving import Site, serving
from tests.databases import template_filled_by
from tests.integration.web.conftest import Connect
from tests.integration.web.test_http import ask
from tests.results import a_result

WITHIN_S = 5.0
"""After 10 s it would be read in any case."""

template = template_filled_by(lambda conn: few_with_incidents(conn, clock.utc_now()))


@pytest.fixture
def site(reader: Connect) -> Iterator[Site]:
    with serving(reader) as site:
        yield site


def test_a_new_result_is_read_before_anybody_asks(
    site: Site, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def noting(web: Web, view: SiteView, asked: Asked, now: datetime) -> SiteData:
        read.append(view.name)
        return site_data.read_site(web, view, asked, now)

    monkeypatch.setattr(site_page, "read_site", noting)
    first = ask(site, "/sites/shop").body
    while ask(site, "/sites/shop").body == first:
        pass
    read.clear()
    write_batch(conn, Names(), [a_result(site="shop", slot_at=clock.utc_now())])
    ends_at_s = clock.monotonic_s() + WITHIN_S
    while not read:
        ask(site, "/")
        assert clock.monotonic_s() < ends_at_s
    assert read == ["shop"]
