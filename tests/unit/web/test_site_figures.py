"""Figures of a site: which there are, and what is drawn behind them."""

from datetime import timedelta

from sitemon.model.counts import Counts
from sitemon.report.charts import Band
from sitemon.store.page_site import Part, Source, Stretch
from sitemon.web.site_figures import Moments, backdrop, explanations, figures, grid_days, uptimes
from tests.unit.web.test_timeline import an_incident
from tests.unit.web.watches import NOW

SEEN = Part(Counts(up=3), 0.1, 0.2, 0.3, {27: 2, 30: 1}, (0.01, 0.02, 0.03, 0.03, 0.01))
MISSED = Part(Counts(missed=3))
STRETCH = Stretch(Source.RAW, NOW, 60, 4)


def moments(*, minutes: float = 4, **fields: object) -> Moments:
    return Moments(STRETCH, [an_incident(**fields)] if fields else [], NOW + timedelta(minutes=minutes))


def test_what_was_missed_or_has_no_row_is_unseen() -> None:
    assert backdrop([SEEN, MISSED, None, SEEN], moments()).unseen == [Band(0.25, 0.75)]


def test_what_is_not_decided_yet_is_not_said_to_be_unseen() -> None:
    assert backdrop([SEEN, SEEN, None, None], moments(minutes=2.5)).unseen == []


def test_what_was_seen_in_part_is_seen() -> None:
    half = Part(Counts(up=1, missed=2))
    assert backdrop([SEEN, half, SEEN, SEEN], moments()).unseen == []


def test_an_incident_lies_where_it_was_and_an_open_one_lasts_until_now() -> None:
    started = NOW + timedelta(minutes=1)
    over = moments(started_at=started, ended_at=NOW + timedelta(minutes=3))
    assert backdrop([SEEN] * 4, over).incidents == [Band(0.25, 0.75)]
    assert backdrop([SEEN] * 4, moments(minutes=3, started_at=started)).incidents == [Band(0.25, 0.75)]


def test_an_incident_outside_is_not_drawn() -> None:
    before = moments(started_at=NOW - timedelta(hours=2), ended_at=NOW - timedelta(hours=1))
    assert backdrop([SEEN] * 4, before).incidents == []


def test_there_are_figures_for_what_there_is() -> None:
    titles = [figure.title for figure in figures([SEEN, MISSED, SEEN, SEEN], moments())]
    assert titles == ["Latency", "By phase, on average", "How many took how long", "Availability"]
    assert [figure.title for figure in figures([MISSED] * 4, moments())] == ["Availability"]


def test_scales_begin_at_the_top() -> None:
    first, phases, *_ = figures([SEEN] * 4, moments())
    assert (list(first.y), list(phases.y)) == (["300ms", "150ms", "0"], ["100ms", "50.0ms", "0"])


def test_rows_of_hours_have_the_names_of_their_days() -> None:
    assert grid_days(Stretch(Source.HOUR, NOW.replace(hour=0), 3_600, 48)) == ["Sat 28 Nov", "Sun 29 Nov"]


def test_each_part_is_explained_in_words() -> None:
    lines = [line.split("\t") for line in explanations([SEEN, MISSED, None], STRETCH)]
    begin, end = NOW, NOW + timedelta(minutes=1)
    assert lines[0] == [
        f"{begin:%d %b %H:%M}–{end:%H:%M} UTC",
        "p50 100ms, p95 200ms, p99 300ms",
        "dns 10.0ms, connect 20.0ms, tls 30.0ms, first-byte 30.0ms, download 10.0ms",
        "100% up",
    ]
    assert [line[1:] for line in lines[1:]] == [["nobody looked: 3 not seen"], ["nothing was due"]]


def test_parts_of_days_have_dates_alone() -> None:
    first = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    days = explanations([SEEN], Stretch(Source.DAY, first, 86_400, 1))
    weeks = explanations([SEEN], Stretch(Source.DAY, first, 7 * 86_400, 1))
    assert days[0].startswith(f"{first:%d %b %Y}\t")
    assert weeks[0].startswith(f"{first:%d %b %Y} to {first + timedelta(days=6):%d %b %Y}\t")


def test_uptime_is_that_of_today_and_of_the_days_before() -> None:
    days = [Counts(down=10)] * 60 + [Counts(up=9, missed=1)] * 29 + [Counts(up=10)]
    assert uptimes(days) == [
        ("today", "100%"),
        ("7 days", "91.42%–100%"),
        ("30 days", "90.33%–100%"),
        ("90 days", "30.11%–33.33%"),
    ]
    assert uptimes([None] * 90)[0] == ("today", "–")
