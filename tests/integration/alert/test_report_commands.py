"""``sitemon report`` and ``sitemon plot`` as people call them."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.integration.alert.scene import Scene
from tests.integration.alert.test_command import Run, environ, run
from tests.results import MINUTE, this_hour

__all__ = ["environ", "run"]

SITES = """
sites:
  - {name: shop, url: "https://shop.example/", slo: 99.9}
  - {name: -dash, url: "https://dash.example/"}
"""


@pytest.fixture
def recorded(scene: Scene, tmp_path: Path) -> None:
    """Two sites, of which one was down for three minutes and missed for two."""
    (tmp_path / "sites.yaml").write_text(SITES)
    scene.arrive(*scene.results("uddduuummuu", start=-30), *scene.results("uuu", start=-30, site="-dash"))


@pytest.mark.usefixtures("recorded")
def test_a_report_in_every_format(run: Run) -> None:
    day = this_hour() - 30 * MINUTE
    # The day before: in the first hours of a day in UTC it has not begun in New York, and a period may not either.
    first = ("--from", f"{day - 24 * 60 * MINUTE:%Y-%m-%d}")
    status, said = run("report", *first, "--format", "json")
    found = json.loads(said)["figures"]
    assert (status, found["up"], found["down"], found["missed"]) == (0, 9, 3, 2)
    status, said = run("report", *first, "--format", "csv")
    lines = list(csv.DictReader(io.StringIO(said)))
    assert (status, [line["site"] for line in lines]) == (0, ["shop", "'-dash"])
    status, said = run("report", *first, "--timezone", "America/New_York", "--group-by", "team")
    assert (status, "without team" in said, "sitemon.uptime_hourly where hour_at >=" in said) == (0, True, True)
    status, said = run("report", "--month", f"{day:%Y-%m}", "--format", "html")
    assert (status, said.startswith("<!doctype html>"), '<th scope="row">-dash</th>' in said) == (0, True, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--month", "October"], "--month: expected a month such as 2026-10"),
        (["--month", "2026-10", "--from", "2026-10-01"], "--month does not go together with --from and --until"),
        (["--until", "2026-10-01"], "--until needs --from"),
        (["--from", "2026-10-02", "--until", "2026-10-01"], "--until lies before --from"),
        (["--timezone", "Moon"], "expected a time zone such as UTC or Europe/Helsinki"),
        (["--timezone", "../../etc/passwd"], "expected a time zone such as UTC or Europe/Helsinki"),
        (["--format", "pdf"], "'pdf' is not one of"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_status_2(run: Run, arguments: list[str], said: str) -> None:
    status, told = run("report", *arguments)
    assert (status, told.count("\n")) == (2, 1)
    assert said in told


@pytest.mark.usefixtures("recorded")
def test_a_site_is_drawn(run: Run, tmp_path: Path) -> None:
    status, said = run("plot", "shop", "--since", "3h")
    assert (status, "incident (1)" in said, "not looked at" in said) == (0, True, True)
    assert run("plot", "shop", "--svg", "shop.svg", "--png", "shop.png", "--since", "30d") == (0, "")
    assert (tmp_path / "shop.svg").read_text().startswith("<svg ")
    assert (tmp_path / "shop.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("recorded")
def test_of_a_site_that_nobody_knows_there_is_nothing_to_draw(run: Run) -> None:
    assert run("plot", "shops") == (1, "nothing is known of shops; did you mean shop?\n")
    assert run("plot", "shop", "--region", "moon")[0] == 1
