"""Which benches are found, and which of them run."""

import pytest

from bench.figures import Bench, Measured
from bench.registry import FOLDER, UnknownBenchError, all_benches, chosen

SHORT, LONG = (
    Bench(name, f"{name}?", "so", lambda: Measured([]), is_short=name == "short") for name in ("short", "long")
)


@pytest.mark.parametrize(
    ("names", "is_full", "expected"),
    [([], False, [SHORT]), ([], True, [SHORT, LONG]), (["long"], False, [LONG]), (["long"], True, [LONG])],
)
def test_the_short_ones_run_unless_others_are_named(names: list[str], is_full: bool, expected: list[Bench]) -> None:
    assert chosen([SHORT, LONG], names, is_full=is_full) == expected


def test_a_name_that_no_bench_has_is_refused_with_those_that_are() -> None:
    with pytest.raises(UnknownBenchError, match="no bench sort; there are: short, long"):
        chosen([SHORT, LONG], ["short", "sort"], is_full=False)


def test_every_bench_says_what_it_asks_and_how_it_measures() -> None:
    benches = all_benches()
    assert benches
    for bench in benches:
        assert bench.name == bench.name.lower().strip()
        assert bench.question.endswith("?"), bench.name
        assert bench.method, bench.name


def test_every_bench_is_in_the_table_of_the_docs_with_its_question() -> None:
    table = (FOLDER.parent / "docs/benchmarks.md").read_text()
    assert [bench.name for bench in all_benches() if f"| `{bench.name}` | {bench.question} |" not in table] == []
