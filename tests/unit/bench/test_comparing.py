"""A ratio that is 15 % worse than the stored one is named, whichever direction is worse."""

from pathlib import Path

import pytest

from bench.compare import fell_behind, is_behind, ratios_of, read_stored, store
from bench.figures import Bench, Figure, Measured, median_ratio
from bench.run import Ran, State


def ran(*figures: Figure, name: str = "cpu", state: State = "measured") -> Ran:
    return Ran(Bench(name, "what?", "so", lambda: Measured([])), state, Measured(figures))


@pytest.mark.parametrize(
    ("better", "value", "expected"),
    [
        ("lower", 1.14, False),
        ("lower", 1.16, True),
        ("lower", 0.1, False),
        ("higher", 0.86, False),
        ("higher", 0.84, True),
        ("higher", 9.0, False),
    ],
)
def test_behind_is_15_percent_in_the_worse_direction(better: str, value: float, expected: bool) -> None:
    assert is_behind(Figure("one", value, "ratio", better), 1.0) is expected  # type: ignore[arg-type]


def test_each_figure_that_fell_behind_is_named_with_both_values() -> None:
    now = ran(Figure("http", 0.5, "ratio"), Figure("https", 0.7, "ratio"), Figure("time", 9.0, "s"))
    stored = {"cpu": {"http": 0.4, "https": 0.7}}
    assert fell_behind([now], stored) == ["cpu: http: 0.5, 0.4 stored"]


def test_a_stored_ratio_that_is_not_measured_any_more_is_named() -> None:
    assert fell_behind([ran(state="failed")], {"cpu": {"http": 0.4}}) == ["cpu: http: not measured, 0.4 stored"]


def test_neither_a_skipped_bench_nor_one_that_was_not_run_nor_a_new_ratio_fell_behind() -> None:
    stored = {"cpu": {"http": 0.4}, "gatus": {"cpu": 0.3}}
    assert fell_behind([ran(state="skipped")], stored) == []
    assert fell_behind([ran(Figure("rows", 3.0, "ratio"), name="recorder")], stored) == []


def test_only_ratios_are_stored_and_those_of_other_benches_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "ratios.json"
    assert read_stored(path) == {}
    store([ran(Figure("http", 0.41234, "ratio"), Figure("time", 9.0, "s"))], path)
    store([ran(Figure("rows", 3.0, "ratio"), name="recorder"), ran(name="gatus", state="skipped")], path)
    assert read_stored(path) == {"cpu": {"http": 0.412}, "recorder": {"rows": 3.0}}


def test_what_is_stored_is_what_is_compared(tmp_path: Path) -> None:
    now = [ran(Figure("http", 0.4, "ratio"))]
    store(now, tmp_path / "ratios.json")
    assert fell_behind(now, read_stored(tmp_path / "ratios.json")) == []
    assert ratios_of(now) == {"cpu": {"http": 0.4}}


def test_the_ratio_of_paired_rounds_is_the_median_of_theirs() -> None:
    assert median_ratio([(1, 2), (9, 1), (3, 4)]) == 0.75
