"""The table of sites fits its terminal, and says what it shows in few characters."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from sitemon.cli.status_table import duration, latency, percent, sparkline, status_table, uptime
from sitemon.store.read import SiteStatus

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def a_status(site: str = "shop", outcome: str = "up", **fields: Any) -> SiteStatus:
    plain = SiteStatus(
        site=site,
        region="default",
        url=f"https://{site}.example/",
        outcome=outcome,
        since_at=NOW - timedelta(hours=3),
        slot_at=NOW,
        checked_at=NOW,
        reason=None,
        http_code=200,
        latency_s=0.25,
        latencies_s=(0.1, 0.2, None, 0.4) * 5,
        uptime_low=0.99,
        uptime_high=1.0,
        coverage=0.99,
    )
    return plain._replace(**fields)


def rendered(sites: list[SiteStatus], width: int) -> list[str]:
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(status_table(sites, NOW, width))
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


SITES = [a_status("a-site-with-a-rather-long-name.example", "down", reason="connect_error"), a_status()]


@pytest.mark.parametrize("width", range(40, 200))
def test_it_fits_every_width_from_forty_columns_on(width: int) -> None:
    lines = rendered(SITES, width)
    assert max(map(len, lines)) <= width
    assert any("✖ down 3h" in line for line in lines)
    assert any("shop" in line and "250ms" in line for line in lines)


def test_a_wide_terminal_shows_everything() -> None:
    text = "\n".join(rendered(SITES, 160))
    for word in ("region", "connect_error", "99%–100%", SITES[0].site):
        assert word in text


def test_the_counts_are_said_below() -> None:
    assert rendered(SITES, 80)[-1].strip() == "1 down, 1 up"
    assert rendered([], 80)[-1].strip() == "no results yet"


def test_a_site_that_was_missed_has_no_latency() -> None:
    missed = a_status(outcome="missed", latency_s=None, uptime_low=None, uptime_high=None, coverage=None)
    assert any("○ missed 3h" in line for line in rendered([missed], 100))


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0s"), (0.4, "0s"), (59, "59s"), (60, "1m"), (7199, "1h"), (86_400 * 9.9, "9d")]
)
def test_durations_are_in_their_largest_whole_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("latency_s", "text"), [(3.21, "3.2s"), (0.12, "120ms"), (0.001, "1ms"), (0.0004, "0.4ms")])
def test_latencies(latency_s: float, text: str) -> None:
    assert latency(latency_s) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(1.0, "100%"), (0.999_999, "99.99%"), (0.29, "29%"), (0.875, "87.5%"), (0.0, "0%"), (None, "")],
)
def test_a_percentage_never_rounds_up_to_all(fraction: float | None, text: str) -> None:
    assert percent(fraction) == text


def test_uptime_is_a_range_only_where_slots_were_missed() -> None:
    assert uptime(0.99, 0.99) == "99%"
    assert uptime(0.98, 0.99) == "98%–99%"
    assert uptime(None, None) == ""


def test_a_sparkline_has_a_bar_a_result_and_a_dot_for_none() -> None:
    assert sparkline((0.1, 0.4, None, 0.8)) == "▂▅·█"
    assert sparkline((None,)) == "·"
    assert sparkline(()) == ""
