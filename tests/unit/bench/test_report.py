"""What a person, a program and a chart are told of a run."""

import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from rich.console import Console

from bench.__main__ import is_good, main, write
from bench.chart import Row, chart_of, sections_of
from bench.figures import Bench, Figure, Measured
from bench.registry import all_benches
from bench.report import Effects, amount, effects, goal_of
from bench.run import Ran, State

WHERE = Effects("2 cores", "abc1234", "2026-11-24T07:00:00.000000Z", 0.3)
HTTP = Figure("http, against <them>", 0.35, "ratio", goal=0.4)
HTTPS = Figure("https", 0.9, "ratio", goal=0.7)
ROWS = Figure("rows", 25.0, "ratio", "higher", goal=20.0)
FREE = Figure("one site a task", 0.1, "ratio")
RATE = Figure("rate", 4321.6, "checks/s", "higher", goal=4000.0)


def ran(*figures: Figure, state: State = "measured", words: str = "", name: str = "cpu") -> Ran:
    bench = Bench(name, "what?", "so", lambda: Measured([]))
    return Ran(bench, state, Measured(figures, ["nginx was at rest"]), words, took_s=3.14)


def console() -> Console:
    return Console(file=io.StringIO(), width=120)


def printed(by: Console) -> str:
    assert isinstance(by.file, io.StringIO)
    return by.file.getvalue()


def test_the_table_shows_figures_goals_verdicts_notes_and_what_did_not_run(tmp_path: Path) -> None:
    by = console()
    write([ran(HTTP, HTTPS, RATE), ran(state="skipped", words="gatus is missing", name="gatus")], WHERE, by, tmp_path)
    lines = printed(by).splitlines()
    (http,) = (line for line in lines if "against <them>" in line)
    (https,) = (line for line in lines if "https" in line)
    (rate,) = (line for line in lines if "4,322 checks/s" in line)
    assert all(part in http for part in ("0.35", "≤ 0.4", "met"))
    assert "missed" in https
    assert "≥ 4,000 checks/s" in rate
    assert any("gatus is missing" in line and "skipped" in line for line in lines)
    assert "cpu: nginx was at rest" in lines
    assert "2 cores, commit abc1234, 2026-11-24, load 0.3 before" in printed(by)
    assert "0.1 minutes in all" in printed(by)


def test_a_bench_that_gives_no_figure_is_in_the_table_and_is_not_good(tmp_path: Path) -> None:
    by = console()
    write([ran()], WHERE, by, tmp_path)
    (row,) = (line for line in printed(by).splitlines() if "no figure" in line)
    assert "cpu" in row
    assert "failed" in row
    assert not is_good([ran()], by, is_compared=False)


def test_the_json_has_machine_commit_moment_and_every_figure(tmp_path: Path) -> None:
    write([ran(HTTP, RATE)], WHERE, console(), tmp_path)
    told = json.loads((tmp_path / "bench.json").read_text())
    assert (told["machine"], told["commit"], told["at"], told["load"]) == WHERE
    (bench,) = told["benches"]
    assert (bench["name"], bench["state"], bench["took_s"]) == ("cpu", "measured", 3.1)
    assert bench["notes"] == ["nginx was at rest"]
    assert bench["figures"][0] == {
        "name": "http, against <them>",
        "value": 0.35,
        "unit": "ratio",
        "better": "lower",
        "goal": 0.4,
        "is_met": True,
    }


def test_the_chart_has_a_bar_for_each_ratio_and_none_for_other_figures() -> None:
    drawn = ET.fromstring(chart_of([ran(HTTP, RATE), ran(ROWS, FREE)], "a machine"))  # noqa: S314 - our own
    bars = [one for one in drawn.iter("{http://www.w3.org/2000/svg}rect") if "rx" in one.attrib]
    words = [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert len(bars) == 3
    assert {"http, against <them>", "rows", "one site a task", "a machine"} <= set(words)
    assert "rate" not in words


def test_a_bar_passes_the_line_when_the_goal_is_missed_and_only_then() -> None:
    sections = sections_of([Row("cpu", one) for one in (HTTP, HTTPS, ROWS, FREE)])
    below, above, without = sections
    assert [row.share <= 1 for row in below.rows] == [True, False]
    assert [row.share >= 1 for row in above.rows] == [True]
    assert [row.figure for row in without.rows] == [FREE]


def test_a_chart_of_nothing_is_still_a_chart() -> None:
    assert ET.fromstring(chart_of([], "a machine")).tag.endswith("svg")  # noqa: S314 - our own


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [(0.1234, "ratio", "0.123"), (12345.6, "us", "12,346 us"), (20.0, "ratio", "20"), (3.14159, "s", "3.14 s")],
)
def test_a_figure_is_written_with_three_digits_that_count(value: float, unit: str, expected: str) -> None:
    assert amount(value, unit) == expected


def test_a_figure_without_a_goal_shows_none() -> None:
    assert (goal_of(FREE), goal_of(ROWS)) == ("", "≥ 20")


def test_a_run_is_good_when_nothing_failed_and_every_goal_is_met() -> None:
    assert is_good([ran(HTTP), ran(state="skipped")], console(), is_compared=False)
    assert not is_good([ran(HTTP), ran(HTTPS)], console(), is_compared=False)
    assert not is_good([ran(HTTP), ran(state="failed")], console(), is_compared=False)


def test_a_compared_run_looks_at_the_stored_ratios_and_not_at_the_goals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.compare.read_stored", lambda: {"cpu": {"https": 0.9}})
    assert is_good([ran(HTTPS)], console(), is_compared=True)
    assert not is_good([ran(HTTPS), ran(state="failed")], console(), is_compared=True)
    by = console()
    assert not is_good([ran(HTTPS._replace(value=1.1))], by, is_compared=True)
    assert printed(by) == "behind: cpu: https: 1.1, 0.9 stored\n"


def test_the_help_lists_every_bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(f"  {bench.name} " in said for bench in all_benches())


def test_a_name_that_no_bench_has_ends_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "sort"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("bench: no bench sort; there are: ")


def test_a_comparison_with_nothing_is_not_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.compare.read_stored", dict)
    by = console()
    assert not is_good([ran(HTTP)], by, is_compared=True)
    assert printed(by) == "behind: nothing is stored: --store keeps the ratios of a run\n"


def test_the_surroundings_name_the_machine_and_the_commit() -> None:
    assert "cores" in effects().machine
    assert effects().commit
