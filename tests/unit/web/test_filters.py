"""Which sites an address chooses, and how they lie on pages."""

from typing import Any

import pytest

from sitemon.web.filters import PAGE_SIZE, Choices, Filters, choices_of, chosen, paged, read_filters
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


def labelled(*labels: dict[str, str]) -> list[SiteView]:
    return fold_sites(a_watch(f"s{number}", labels=each) for number, each in enumerate(labels))


def test_there_is_to_choose_from_what_sites_have() -> None:
    assert choices_of(sites()) == Choices(["team"], {"team": ["ops", "web"]}, are_all=True)


def test_of_many_labels_there_are_those_to_choose_from_that_most_sites_have() -> None:
    rare = [{f"{site}-{number:03}": "" for number in range(300)} for site in "abc"]
    keys, values, are_all = choices_of(labelled(*({"zone": "north"} | each for each in rare)))
    assert keys == [f"a-{number:03}" for number in range(99)] + ["zone"]
    assert (values["zone"], len(values), are_all) == (["north"], 100, False)


def test_a_label_with_many_values_is_none_to_choose_from() -> None:
    found = choices_of(labelled(*({"team": "web", "serial": f"{number}"} for number in range(101))))
    assert found == Choices(["serial", "team"], {"team": ["web"]}, are_all=False)


def test_what_is_longer_than_is_read_of_an_address_cannot_be_chosen() -> None:
    longest = "x" * 195
    found = choices_of(labelled({"team": longest}, {"team": longest + "x"}, {"k" * 201: ""}))
    assert found == Choices(["team"], {"team": [longest]}, are_all=False)


def test_however_long_all_values_are_there_is_little_to_choose_from() -> None:
    long = [{f"{key:02}": f"{site:03}" + "x" * 190 for key in range(20)} for site in range(100)]
    found = choices_of(labelled({"team": "web"}, *long))
    assert sum(len(value) for values in found.values.values() for value in values) < 100_000
    assert found.values["team"] == ["web"], "what takes little is there beside it"
    assert not found.are_all
