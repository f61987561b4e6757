"""What of a site's configuration decides about its incidents."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from sitemon.alert.rules import Rulebook, rules_of_site
from sitemon.model.alerts import NO_FILE
from sitemon.model.site import Site

SITES = {
    site.name: site
    for site in (
        Site(name="shop", url="https://shop.example/", depends_on=("balancer", "cache")),
        Site(name="balancer", url="tcp://balancer.example:443", depends_on=("line",)),
        Site(name="cache", url="tcp://cache.example:6379", depends_on=("line",), enabled=False),
        Site(name="line", url="tcp://line.example:443", interval_ms=10_000, timeout_s=5.0, down_after=2),
    )
}


def test_a_site_depends_on_all_that_lie_behind_each_other_and_are_watched() -> None:
    assert rules_of_site(SITES["shop"], SITES).gateways() == ("balancer", "line")
    assert rules_of_site(SITES["line"], SITES).gateways() == ()
    assert rules_of_site(None, SITES).gateways() == ()


def test_an_outage_takes_one_more_interval_than_failures_the_timeout_and_the_way_here() -> None:
    assert rules_of_site(SITES["line"], SITES).settles == timedelta(seconds=3 * 10 + 5 + 5)


def test_for_what_is_looked_at_once_a_year_it_is_waited_for_a_day() -> None:
    rarely = Site(name="line", url="tcp://line.example:443", interval_ms=366 * 86_400_000)
    assert rules_of_site(rarely, {}).settles == timedelta(days=1)


@pytest.mark.parametrize(
    ("interval_s", "timeout_s", "seconds"),
    [
        pytest.param(1, 300.0, 361, id="a check that hangs"),
        pytest.param(60, 10.0, 300, id="results of other regions"),
        pytest.param(86_400, 10.0, 900, id="rows are few"),
    ],
)
def test_rows_are_folded_again_from_where_results_may_still_come(
    interval_s: int, timeout_s: float, seconds: float
) -> None:
    site = Site(name="shop", url="https://shop.example/", interval_ms=interval_s * 1_000, timeout_s=timeout_s)
    assert rules_of_site(site, {}).folded_again == timedelta(seconds=seconds)


def test_rules_are_those_of_the_last_edit() -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    book = Rulebook(SITES, now)
    assert book.rules_of("line") == rules_of_site(SITES["line"], SITES)
    edited = SITES | {"line": msgspec.structs.replace(SITES["line"], down_after=5)}
    book.take_up(edited, now)
    assert book.rules_of("line") == rules_of_site(edited["line"], edited)


def test_since_when_a_site_is_not_there_is_by_the_clock_that_is_right() -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    book = Rulebook({}, now + timedelta(hours=1))
    book.set_clock_right(3_600_000)
    assert book.rules_of("shop").missing_since == now


@pytest.mark.parametrize("room", [1, 100])
def test_gateways_are_those_of_the_last_edit_whether_they_are_kept_or_not(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitemon.alert.rules._MOST_GATEWAYS_KEPT", room)
    now = datetime(2026, 11, 30, tzinfo=UTC)
    book = Rulebook(SITES, now)
    watched = ["shop", "balancer", "line"] * 2
    found = [book.rules_of(name).gateways() for name in watched]
    assert found == [("balancer", "line"), ("line",), ()] * 2
    book.take_up(SITES | {"shop": msgspec.structs.replace(SITES["shop"], depends_on=("line",))}, now)
    assert book.rules_of("shop").gateways() == ("line",)


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of which sites it was looked for all on which they depend."""

    def gateways(site: str, _: object) -> list[str]:
        asked.append(site)
        return ["line"]

    asked: list[str] = []
    monkeypatch.setattr("sitemon.alert.rules.all_gateways", gateways)
    return asked


def test_who_depends_on_very_many_is_looked_at_once(walked: list[str]) -> None:
    book = Rulebook(SITES, datetime(2026, 11, 30, tzinfo=UTC))
    for _ in range(3):
        assert book.rules_of("shop").gateways() == ("line",)
    assert walked == ["shop"]


def test_who_asks_for_other_rules_does_not_have_gateways_looked_for(walked: list[str]) -> None:
    book = Rulebook(SITES, datetime(2026, 11, 30, tzinfo=UTC))
    assert book.rules_of("shop").file == book.file_of("shop")
    assert book.rules_of("cache").settles == rules_of_site(SITES["cache"], SITES).settles
    assert walked == []


def test_a_site_that_is_taken_out_stays_one_of_its_file_and_others_have_one_together() -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    line, cache = (msgspec.structs.replace(SITES[name], file=f"/sites/{name}.yaml") for name in ("line", "cache"))
    book = Rulebook({"line": line, "cache": cache}, now)
    book.take_up({"line": line}, now)
    book.take_up({"line": msgspec.structs.replace(line, file="/sites/all.yaml")}, now)
    assert [book.file_of(name) for name in ("line", "cache")] == ["/sites/all.yaml", "/sites/cache.yaml"]
    assert len({book.file_of(name) for name in ("line", "cache", "gone", f"/{NO_FILE}")}) == 4
    assert book.file_of("gone") == book.file_of("other")
    for name in ("line", "cache", "gone"):
        assert book.rules_of(name).file == book.file_of(name)


def test_of_sites_that_were_taken_out_those_of_the_last_edits_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sitemon.alert.rules._MOST_GONE", 2)
    now = datetime(2026, 11, 30, tzinfo=UTC)
    book = Rulebook({}, now)
    for hour in range(5):
        name = f"site-{hour}"
        book.take_up({name: Site(name=name, url="https://shop.example/", file="/sites/all.yaml")}, now)
        book.take_up({}, now + timedelta(hours=hour))
    known = [book.file_of(f"site-{hour}") == "/sites/all.yaml" for hour in range(5)]
    since = [book.rules_of(f"site-{hour}").missing_since for hour in range(5)]
    assert known == [False, False, False, True, True]
    assert since == [now, now, now, now + timedelta(hours=3), now + timedelta(hours=4)]
