"""Which sites the overview shows, as its address says. Pure."""

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple
from urllib.parse import urlencode

from sitemon.web.sites import WORST_FIRST, SiteView, rank

PAGE_SIZE: Final = 100
_LONGEST: Final = 200
"""Of an address no more is read, so that nothing longer can be chosen."""
_MOST_KEYS: Final = 100
_MOST_VALUES: Final = 100
"""A label with more values is none to choose from; the search finds them."""
_ROOM: Final = 100_000
"""So many characters may all values have, with their keys and what is around each of them in a menu."""
_AROUND: Final = 40
_NUMBER: Final = re.compile(r"[0-9]{1,6}")


class Filters(NamedTuple):
    """What the address asks for; empty is anything. `label` is ``team:web``, `group` the key of a label."""

    q: str = ""
    state: str = ""
    label: str = ""
    group: str = ""
    page: int = 1

    @property
    def is_any(self) -> bool:
        """Whether all sites are shown."""
        return not (self.q or self.state or self.label)

    def address(self, **changes: object) -> str:
        """Return the address of the overview with these changes, on its first page unless they say otherwise."""
        changed = self._replace(**{"page": 1} | changes)  # type: ignore[arg-type]  # typed by who calls
        given = {key: value for key, value in changed._asdict().items() if value and (key, value) != ("page", 1)}
        return "/?" + urlencode(given) if given else "/"


def read_filters(query: Mapping[str, str]) -> Filters:
    """Return what an address asks for. What makes no sense is as if it were not there."""
    page = query.get("page", "")
    state = query.get("state", "")
    return Filters(
        q=query.get("q", "").strip()[:_LONGEST],
        state=state if state in WORST_FIRST else "",
        label=query.get("label", "")[:_LONGEST],
        group=query.get("group", "")[:_LONGEST],
        page=int(page) if _NUMBER.fullmatch(page) and int(page) else 1,
    )


class Search:
    """What is searched for: each of its words is in the name, the URL or a label's value, in capitals or not."""

    def __init__(self, text: str) -> None:
        self._words = text.casefold().split()

    def finds(self, site: SiteView) -> bool:
        """Tell whether a site has all of the words."""
        if not self._words:
            return True
        text = "\n".join((site.name, site.url, *site.labels.values())).casefold()
        return all(word in text for word in self._words)


def chosen(sites: Iterable[SiteView], filters: Filters) -> list[SiteView]:
    """Return the sites that fit, in their order."""
    if filters.is_any:
        return list(sites)
    search = Search(filters.q)
    key, _, value = filters.label.partition(":")
    return [
        site
        for site in sites
        if (not filters.state or site.state == filters.state)
        and (not filters.label or site.labels.get(key) == value)
        and search.finds(site)
    ]


class Group(NamedTuple):
    """Sites with the same value of a label, None where they have none, as far as they are on this page.

    `size` is how many it has on all pages; `is_continued`, that it began on an earlier one.
    """

    value: str | None
    sites: Sequence[SiteView]
    size: int
    is_continued: bool


def paged(sites: Sequence[SiteView], filters: Filters) -> tuple[list[Group], int]:
    """Return the groups on this page, the worst first, and how many pages there are."""
    pages = max(1, -(-len(sites) // PAGE_SIZE))
    begin = (min(filters.page, pages) - 1) * PAGE_SIZE
    if not filters.group:
        return [Group(None, sites[begin : begin + PAGE_SIZE], len(sites), is_continued=False)], pages
    by_value: dict[str | None, list[SiteView]] = {}
    for site in sites:
        by_value.setdefault(site.labels.get(filters.group), []).append(site)
    order = sorted(by_value, key=lambda value: (rank(by_value[value][0].state), value is None, value or ""))
    flat = [(value, site) for value in order for site in by_value[value]]
    on_page = groupby(flat[begin : begin + PAGE_SIZE], key=lambda pair: pair[0])
    groups = [(value, [site for _, site in pairs]) for value, pairs in on_page]
    return [
        Group(value, ours, len(by_value[value]), is_continued=ours[0] is not by_value[value][0])
        for value, ours in groups
    ], pages


class Choices(NamedTuple):
    """What of labels there is to choose from: `keys`, those that most sites have, and `values` of them, all in order.

    `are_all` says whether nothing is left out.
    """

    keys: Sequence[str]
    values: Mapping[str, Sequence[str]]
    are_all: bool


def choices_of(sites: Sequence[SiteView]) -> Choices:
    """Return what is chosen from, which is never much, however many labels sites have."""
    used = Counter(key for site in sites for key in site.labels)
    readable = (key for key in used if len(key) <= _LONGEST)
    keys = heapq.nsmallest(_MOST_KEYS, readable, key=lambda key: (-used[key], key))
    found: dict[str, set[str]] = {key: set() for key in keys}
    for site in sites:
        for key in found.keys() & site.labels.keys():
            found[key].add(site.labels[key])
    values: dict[str, list[str]] = {}
    room = _ROOM
    for key in keys:
        its_readable = [value for value in found[key] if len(key) + 1 + len(value) <= _LONGEST]
        size = sum(len(key) + len(value) + _AROUND for value in its_readable)
        if len(found[key]) <= _MOST_VALUES and size <= room:
            values[key] = sorted(its_readable)
            room -= size
    are_all = len(keys) == len(used) and all(len(values.get(key, ())) == len(found[key]) for key in keys)
    return Choices(sorted(keys), {key: values[key] for key in sorted(values)}, are_all)
