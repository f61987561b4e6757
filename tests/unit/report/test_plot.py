"""A chart of a site: in the terminal, and as SVG."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from sitemon.report.braille import Canvas
from sitemon.report.plot import bins_for, plot_as_svg, plot_as_text
from sitemon.report.png import png_of
from sitemon.store.plot import Bin, SitePlot

START = datetime(2026, 11, 24, 7, tzinfo=UTC)


def a_plot(bins: list[Bin], *incidents: tuple[float, float | None], site: str = "shop") -> SitePlot:
    def at(minute: float) -> datetime:
        return START + timedelta(minutes=minute)

    found = [(at(start), None if end is None else at(end)) for start, end in incidents]
    return SitePlot(site, ["eu"], START, at(len(bins)), bins, found, "sitemon.results")


def shown(plot: SitePlot, width: int) -> list[str]:
    console = Console(width=width, record=True)
    with console.capture() as capture:
        console.print(plot_as_text(plot, width))
    return capture.get().splitlines()


SEEN = Bin(0.1, 0.2, 0, 1)
MISSED = Bin(None, None, 1, 1)


def test_it_fits_the_terminal() -> None:
    assert {len(line) <= 60 for line in shown(a_plot([SEEN] * 60), 60)} == {True}


def test_the_row_below_says_what_was_down_and_what_nobody_looked_at() -> None:
    lines = shown(a_plot([SEEN] * 4 + [MISSED] * 3 + [Bin()] + [SEEN] * 4, (8, 10)), 8 + 1 + 12)
    assert lines[13] == 8 * " " + "────░░░░██──"


def test_an_open_incident_lasts_to_the_right_edge() -> None:
    assert shown(a_plot([SEEN] * 10, (5, None)), 19)[13].endswith("─────█████")


def test_a_line_climbs_from_the_lower_edge_to_the_upper() -> None:
    canvas = Canvas(columns=2, rows=1)
    canvas.draw(0, [0.0, 0.0, 1.0, 1.0], top=1.0)
    assert [char for char, _ in canvas.row(0)] == ["⣀", "⡏"]


def test_a_latency_that_can_be_none_hides_no_other() -> None:
    forged = Bin(-5.0, -5.0, 0, 1)
    assert "⣀ p95 200ms" in "".join(shown(a_plot([SEEN, forged, SEEN]), 60))
    assert "p95" in "".join(shown(a_plot([forged]), 60))


def test_a_gap_is_no_line() -> None:
    canvas = Canvas(columns=3, rows=1)
    canvas.draw(0, [1.0, None, 0.0], top=1.0)
    assert canvas.row(0) == [("⠉", 0), (" ", None), ("⣀", 0)]


def test_as_svg_it_has_the_same_lines_and_stretches() -> None:
    root = ET.fromstring(plot_as_svg(a_plot([SEEN] * 4 + [MISSED] * 2 + [SEEN] * 4, (8, 9), site="a<b>&\x1b")))  # noqa: S314
    titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert sorted(title for title in titles if title) == ["incident", "not looked at"]
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polyline"))) == 4


def test_as_png_it_is_an_image_of_twice_the_size() -> None:
    image = png_of(plot_as_svg(a_plot([SEEN] * 10), width=400, height=200))
    assert image.startswith(b"\x89PNG")
    assert (int.from_bytes(image[16:20]), int.from_bytes(image[20:24])) == (800, 400)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_there_are_two_bins_a_column(width: int) -> None:
    assert bins_for(width) == 2 * (width - 9)
