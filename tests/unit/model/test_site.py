"""A bare URL's name and public form: nothing that may be a secret stands in either."""

import gc

import pytest

from sitemon.model.site import Body, Expect, ExpectedHeader, Header, Proxy, Site, name_of_url, public_url


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://me:secret@example.org:8443/a?token=x#top", "https://example.org:8443/a"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ("https://example.org", "https://example.org"),
    ],
)
def test_the_public_form_has_no_userinfo_query_or_fragment(url: str, public: str) -> None:
    assert public_url(url) == public


def test_urls_that_differ_in_their_query_are_different_sites() -> None:
    names = {name_of_url(f"https://example.org/a{query}") for query in ("", "?x=1", "?x=2")}
    assert len(names) == 3
    assert "https://example.org/a" in names


def test_a_secret_header_is_masked() -> None:
    assert repr(Header("X-Key", "hunter2", is_secret=True)) == "Header('X-Key', ***)"


def test_no_secret_of_a_site_is_in_its_repr_or_in_that_of_rich() -> None:
    site = Site(
        name="shop",
        url="http://me:hunter2@shop.test/health?token=hunter2#hunter2",
        headers=(Header("Authorization", "hunter2", is_secret=True),),
        body=Body(b"hunter2", None, ("hunter2",)),
        proxy=Proxy("proxy.test", 3128, "hunter2"),
    )
    assert "hunter2" not in repr(site)
    assert "url='http://shop.test/health'" in repr(site)
    assert "max_body_bytes=1048576" in repr(site)
    parts = (site, *site.headers, site.body, site.proxy)
    assert "hunter2" not in repr([part.__rich_repr__() for part in parts if part is not None])
    assert repr(site.body) == "Body(<7 bytes>, None)"
    assert repr(site.proxy) == "Proxy('proxy.test', 3128, ***)"
    assert repr(Proxy("proxy.test", 3128)) == "Proxy('proxy.test', 3128, None)"


def test_a_site_is_nothing_to_the_garbage_collector() -> None:
    site = Site(
        name="shop",
        url="http://shop.test/",
        headers=(Header("X-Team", "web"),),
        expect=Expect(headers=(ExpectedHeader(name="X-App", equals="1"),)),
        labels={"team": "web"},
    )
    assert not any(map(gc.is_tracked, (site, site.headers[0], site.expect, site.expect.headers[0], site.tls)))
