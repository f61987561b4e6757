"""The table of sites fits its terminal, and says what it shows in few characters."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from sitemon.report.palette import age, latency, percent
from sitemon.report.status import sparkline, status_table
from sitemon.report.uptime import uptime
from sitemon.store.read import SiteStatus

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def a_status(site: str = "shop", state: str = "up", **fields: Any) -> SiteStatus:
    plain = SiteStatus(
        site=site,
        region="default",
        url=f"https://{site}.example/",
        outcome="missed" if state == "unknown" else state,
        since_at=NOW - timedelta(hours=3),
        slot_at=NOW,
        checked_at=NOW,
        reason=None,
        http_code=200,
        latency_s=0.25,
        state=state,
        state_since=NOW - timedelta(hours=3),
        seen_at=NOW,
        latencies_s=(0.1, 0.2, None, 0.4) * 5,
        uptime_low=0.99,
        uptime_high=1.0,
        coverage=0.99,
    )
    return plain._replace(**fields)


def rendered(sites: list[SiteStatus], width: int, closed_ago_s: float = 12) -> list[str]:
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(status_table(sites, NOW - timedelta(seconds=closed_ago_s), NOW, width))
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
    for word in ("region", "connect_error", "99.00%–100%", SITES[0].site):
        assert word in text


def test_the_counts_are_said_below() -> None:
    states = [a_status(state=state) for state in ("up", "unknown", "up", "down", "degraded")]
    below = " ".join(line.strip() for line in rendered(states, 80)[-2:]).strip()
    assert below == "1 down, 1 unknown, 1 degraded, 2 up; account closed 12s ago"
    assert rendered([], 80)[-1].strip() == "no sites yet"


def unknown(**fields: Any) -> SiteStatus:
    plain = {"seen_at": NOW - timedelta(minutes=4), "state_since": NOW - timedelta(minutes=3), "latency_s": None}
    return a_status(state="unknown", **(plain | {"reason": "beat_down"} | fields))


def test_a_site_that_nobody_looked_at_is_unknown_and_says_since_when_and_why() -> None:
    (line,) = [line for line in rendered([unknown()], 140) if "○" in line]
    assert "○ unknown 3m" in line
    assert "beat_down: not looked at since 4m" in line
    assert "up" not in line


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"outcome": "up", "reason": None}, "not looked at since 4m"),
        ({"outcome": "down", "reason": "timeout"}, "not looked at since 4m"),
        ({"outcome": None, "reason": None, "seen_at": None, "slot_at": None}, "not looked at yet"),
        ({"seen_at": None}, "beat_down: not looked at yet"),
    ],
    ids=["its newest result was up", "it was down", "nothing ever", "it was always missed"],
)
def test_why_nobody_looked_is_said_only_once_that_is_decided(fields: dict[str, Any], said: str) -> None:
    (line,) = [line for line in rendered([unknown(**fields)], 140) if "○" in line]
    assert said in line
    assert said.startswith("beat_down") or ":" not in line


def test_a_site_that_was_seen_again_says_nothing_of_what_was_missed() -> None:
    (line,) = [line for line in rendered([a_status(seen_at=NOW - timedelta(minutes=4))], 140) if "●" in line]
    assert "not looked at" not in line


@pytest.mark.parametrize("ago_s", [0, 19, 60])
def test_while_the_account_is_young_there_is_no_head(ago_s: float) -> None:
    assert not any("data as of" in line for line in rendered(SITES, 100, ago_s))


def test_data_that_is_old_says_of_when_it_is() -> None:
    lines = rendered(SITES, 100, closed_ago_s=3_700)
    assert "data as of 2026-11-24 10:58:20 UTC, 1h ago: what is later may not all be recorded" in lines[0]
    assert lines[-1].strip().endswith("account closed 1h ago")


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0s"), (0.4, "0s"), (59, "59s"), (60, "1m"), (7199, "1h"), (86_400 * 9.9, "9d")]
)
def test_durations_are_in_their_largest_whole_unit(seconds: float, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("latency_s", "text"), [(3.21, "3.21s"), (0.12, "120ms"), (0.001, "1.0ms"), (0.0004, "0.40ms")]
)
def test_latencies(latency_s: float, text: str) -> None:
    assert latency(latency_s) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(1.0, "100%"), (0.999_999, "99.99%"), (0.29, "29.00%"), (0.875, "87.50%"), (0.0, "0%"), (None, "")],
)
def test_a_percentage_never_rounds_up_to_all(fraction: float | None, text: str) -> None:
    assert percent(fraction) == text


def test_uptime_is_a_range_only_where_slots_were_missed() -> None:
    assert uptime(0.99, 0.99) == "99.00%"
    assert uptime(0.98, 0.99) == "98.00%–99.00%"
    assert uptime(None, None) == ""


def test_a_sparkline_has_a_bar_a_result_and_a_dot_for_none() -> None:
    assert sparkline((0.1, 0.4, None, 0.8)) == "▂▅·█"
    assert sparkline((None,)) == "·"
    assert sparkline(()) == ""


@pytest.mark.parametrize(("latencies_s", "shown"), [((-5.0, 3.0), "▁█"), ((-5.0,), "▁")])
def test_a_latency_that_can_be_none_hides_no_other(latencies_s: tuple[float, ...], shown: str) -> None:
    assert sparkline(latencies_s) == shown
