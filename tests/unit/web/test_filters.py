"""Which sites an address chooses, and how they lie on pages."""

from typing import Any

import pytest

from sitemon.web.filters import PAGE_SIZE, Filters, chosen, labels_of, paged, read_filters
from sitemon.web.sites import SiteView, fold_sites
from tests.unit.web.watches import a_watch


def sites() -> list[SiteView]:
    return fold_sites(
        [
            a_watch("shop", labels={"team": "web"}),
            a_watch("blog", labels={"team": "web"}),
            a_watch("vault", "down", labels={"team": "ops"}),
            a_watch("lone", "unknown"),
        ]
    )


def names(**given: Any) -> list[str]:
    return [site.name for site in chosen(sites(), Filters(**given))]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["vault", "lone", "blog", "shop"]),
        ({"q": "SHOP"}, ["shop"]),
        ({"q": "web"}, ["blog", "shop"]),
        ({"q": "web shop"}, ["shop"]),
        ({"q": "vault.example"}, ["vault"]),
        ({"state": "down"}, ["vault"]),
        ({"label": "team:web"}, ["blog", "shop"]),
        ({"label": "team:web", "state": "down"}, []),
        ({"label": "team"}, []),
    ],
)
def test_it_chooses(given: dict[str, str], expected: list[str]) -> None:
    assert names(**given) == expected


def test_an_address_says_what_is_asked_and_nothing_else() -> None:
    filters = Filters(q="a b", state="down", page=3)
    assert filters.address() == "/?q=a+b&state=down"
    assert filters.address(page=4) == "/?q=a+b&state=down&page=4"
    assert filters.address(q="", state="") == "/"
    assert read_filters({"q": "a b", "state": "down", "page": "3"}) == filters


@pytest.mark.parametrize("query", [{"page": "0"}, {"page": "-1"}, {"page": "1e3"}, {"page": "٣"}, {"state": "x"}])
def test_what_makes_no_sense_is_as_if_it_were_not_there(query: dict[str, str]) -> None:
    assert read_filters(query) == Filters()


def test_groups_come_worst_first_and_those_without_the_label_have_one_of_their_own() -> None:
    groups, pages = paged(sites(), Filters(group="team"))
    assert [(group.value, [site.name for site in group.sites]) for group in groups] == [
        ("ops", ["vault"]),
        (None, ["lone"]),
        ("web", ["blog", "shop"]),
    ]
    assert pages == 1


def test_pages_hold_every_site_once_and_say_where_a_group_goes_on() -> None:
    many = fold_sites(a_watch(f"s{n:04}", labels={"team": str(n % 3)}) for n in range(250))
    seen: list[str] = []
    for page in (1, 2, 3):
        groups, pages = paged(many, Filters(group="team", page=page))
        assert pages == 3
        assert sum(len(group.sites) for group in groups) <= PAGE_SIZE
        seen += [site.name for group in groups for site in group.sites]
    assert sorted(seen) == [site.name for site in many]
    second, _ = paged(many, Filters(group="team", page=2))
    assert [(group.value, group.is_continued, group.size) for group in second] == [("1", True, 83), ("2", False, 83)]


def test_a_page_beyond_the_last_is_the_last() -> None:
    (group,), pages = paged(sites(), Filters(page=9))
    assert (len(group.sites), pages) == (4, 1)


def test_labels_are_those_that_sites_have() -> None:
    assert labels_of(sites()) == {"team": ["ops", "web"]}
