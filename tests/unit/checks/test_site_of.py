"""Whom a person means: a configured site by its name, or any URL; and what is said when it is neither."""

import pytest

from sitemon.config.site_of import site_of
from sitemon.config.sites import SiteSet
from sitemon.model.errors import ConfigurationError
from sitemon.model.site import Site

SHOP = Site(name="shop", url="http://shop.example/")
SITES = SiteSet(sites=(SHOP,), by_name={"shop": SHOP}, source="conf/sites.yaml")
NO_SITES = SiteSet(sites=(), by_name={}, source="", missing="conf/sites.yaml")


def test_a_name_is_the_configured_site() -> None:
    assert site_of("shop", SITES) is SHOP


def test_a_url_is_a_site_that_it_names() -> None:
    assert site_of("http://blog.example/", SITES).name == "http://blog.example/"


@pytest.mark.parametrize(
    ("word", "sites", "said"),
    [
        (
            "shp",
            SITES,
            "shp: not a URL such as https://example.org/, and no site of conf/sites.yaml; did you mean shop?",
        ),
        (
            "me:s3cret@blog?token=s3cret",
            SITES,
            "blog: not a URL such as https://example.org/, and no site of conf/sites.yaml",
        ),
        ("blog.example", NO_SITES, "blog.example: not a URL such as https://example.org/, and no sites are configured"),
    ],
)
def test_what_is_neither_is_told_what_it_could_be(word: str, sites: SiteSet, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        site_of(word, sites)
    assert str(caught.value) == said


@pytest.mark.parametrize("word", [1, None, ["shop"], b"shop"])
def test_what_is_no_text_is_neither(word: object) -> None:
    with pytest.raises(ConfigurationError, match="expected the name of a site or a URL, not "):
        site_of(word, SITES)
