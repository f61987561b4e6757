"""A report as a page: whoever's words stand in it do nothing, and every figure says where it is from."""

import json
import re
from html.parser import HTMLParser

import pytest

from sitemon.model.counts import Counts
from sitemon.model.latencies import latencies_of
from sitemon.report.as_html import report_as_html, report_as_part, shares
from sitemon.store.report import DayCounts, IncidentSums, Only
from tests.unit.report.reports import HOSTILE, a_bare_report, a_crowded_report, a_report, an_incident

ALLOWED = set(
    re.findall(
        r"\w+",
        "html head meta title style body header main footer section h1 h2 h3 p dl div dt dd code "
        "table thead tbody tr th td svg defs pattern rect line text polyline circle",
    )
)


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture
def hostile() -> Page:
    days = [Counts(1, 1, 1, 1, 1), Counts(missed=1), Counts(up=5)]
    counts = {HOSTILE: [DayCounts(place, found) for place, found in enumerate(days)]}
    return Page(
        report_as_html(
            a_report(
                groups={HOSTILE: HOSTILE},
                labels={HOSTILE: json.dumps({"team": HOSTILE}).encode()},
                counts=counts,
                latencies={HOSTILE: latencies_of([{3: 4}])},
                group_latencies={(HOSTILE, 0): {3: 4}, (HOSTILE, 2): {5: 1}},
                incidents=[an_incident(site=HOSTILE)._replace(reason=HOSTILE, regions=[HOSTILE])],
                slos={HOSTILE: 99.0},
                group_by=HOSTILE,
            )
        )
    )


def test_a_hostile_name_breaks_nothing_open(hostile: Page) -> None:
    assert hostile.tags <= ALLOWED
    assert not [name for name in hostile.names if name.startswith("on")]
    assert hostile.open == []
    text = "".join(hostile.words)
    assert "<script>alert('x')</script>" in text
    assert not set(text) & {"\x1b", "\u202e"}


def test_there_is_no_script_and_nothing_from_elsewhere() -> None:
    text = report_as_html(a_report())
    assert "<script" not in text
    assert set(re.findall(r"https?://[^\s'\"<]+", text)) == {"http://www.w3.org/2000/svg"}


def test_a_group_is_a_section_that_prints_on_a_page_of_its_own() -> None:
    text = report_as_html(a_report())
    assert text.count('<section class="group">') == 2
    assert "section.group { break-before: page; }" in text
    assert "<h2>team: web</h2>" in text
    assert "<h2>without team</h2>" in text


def test_it_says_where_its_figures_are_from() -> None:
    text = report_as_html(a_report())
    assert "<code>sitemon.uptime_daily</code> where <code>day &gt;= &#39;2026-10-01&#39;</code>" in text


def test_what_was_overspent_stands_out() -> None:
    text = report_as_html(a_report(slos={"shop": 99.99}))
    assert re.search(r'<td class="bad">-\d+% to -\d+% ', text)


def test_a_page_of_nothing_is_a_page() -> None:
    page = Page(report_as_html(a_bare_report({})))
    assert page.open == []


@pytest.mark.parametrize(
    ("sizes", "most", "expected"),
    [([], 9, []), ([5, 100, 3], 50, [5, 42, 3]), ([9, 9, 9], 7, [2, 2, 3]), ([1, 1], 0, [0, 0]), ([4], 9, [4])],
)
def test_small_groups_are_shown_whole_and_others_alike(sizes: list[int], most: int, expected: list[int]) -> None:
    assert shares(sizes, most) == expected


def test_a_part_of_another_page_has_no_style_of_its_own_and_leads_on() -> None:
    part = report_as_part(a_report())
    assert "<style" not in part
    assert "style=" not in part
    assert '<a href="/sites/shop">shop</a>' in part
    assert '<a href="/incidents/1">1</a>' in part
    assert "<a " not in report_as_html(a_report())


def test_what_is_summed_is_a_row_and_a_group() -> None:
    part = report_as_part(a_crowded_report())
    assert part.count('<th scope="row">others (600 sites)</th>') == 2
    assert "<h2>team: others (70 groups)</h2>" in part
    assert "others" not in report_as_part(a_report())


def test_it_says_which_sites_it_is_of() -> None:
    only = Only(HOSTILE, ("team:web",))
    page = report_as_html(a_report(group_by=None)._replace(only=only))
    assert "and the label team:web</p>" in page
    assert "<script>" not in page
    assert "<h2>These sites</h2>" in page


def test_a_part_is_no_longer_than_a_browser_bears() -> None:
    sites = {f"site-{number:05}": f"group-{number % 70:02}" for number in range(9_000)}
    counts = {site: [DayCounts(0, Counts(up=1, down=1))] for site in sites}
    part = report_as_part(
        a_report(groups=sites, labels={}, counts=counts, latencies={}, group_latencies={}, incidents=[], sums={})
    )
    assert part.count('<section class="group">') == 50
    assert "and 20 further groups, which the JSON has" in part
    assert len(part) < 2_000_000
    assert report_as_html(a_bare_report(sites)).count('<section class="group">') == 70


@pytest.mark.parametrize(
    ("listed", "incidents", "words"),
    [
        (60, 60, "and 10 earlier ones, which the JSON has"),
        (60, 5_000, "and 4,950 earlier ones; of all sites the JSON has the newest 1,000"),
        (0, 5_000, "5,000 earlier ones; of all sites the JSON has the newest 1,000"),
    ],
)
def test_it_says_how_many_incidents_are_not_shown(listed: int, incidents: int, words: str) -> None:
    report = a_report(
        incidents=[an_incident(number) for number in range(listed)], sums={"shop": IncidentSums(incidents=incidents)}
    )
    assert f'<p class="dim">{words}</p>' in report_as_html(report)


def test_of_incidents_that_are_all_shown_nothing_more_is_said() -> None:
    assert "earlier ones" not in report_as_html(a_report())
