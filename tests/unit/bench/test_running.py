"""Each bench runs in a process of its own; what becomes of it is told, and the others go on."""

import os
from collections.abc import Callable

import pytest

from bench.figures import Bench, Figure, Measured
from bench.run import in_own_process, outcome_of, run_all
from bench.tools import ToolMissingError, tool

FOUND = Measured([Figure("time", 1.5, "s", goal=2.0)], ["a note"])


def lacks_a_tool() -> Measured:
    tool("no-such-program", package="apt install it")
    return FOUND


def breaks() -> Measured:
    raise ValueError("no luck")


def exits() -> Measured:
    raise SystemExit("bench: no way")


def dies() -> Measured:
    os._exit(9)


def bench(measure: Callable[[], Measured], name: str = "one") -> Bench:
    return Bench(name, "what?", "so", measure)


GOOD, DEADLY = bench(lambda: FOUND, "good"), bench(dies, "deadly")


def listing() -> list[Bench]:
    return [GOOD, DEADLY]


def test_what_a_bench_measured_comes_back_whole() -> None:
    ran = in_own_process(GOOD, listing)
    assert (ran.state, ran.measured, ran.words) == ("measured", FOUND, "")
    assert ran.is_good


def test_a_bench_whose_process_dies_has_failed_and_the_next_one_runs() -> None:
    died, went_on = run_all([DEADLY, GOOD], listing)
    assert (died.state, died.words) == ("failed", "its process ended with status 9")
    assert not died.is_good
    assert went_on.state == "measured"
    assert went_on.took_s > 0


def test_a_missing_program_is_no_failure_and_is_named() -> None:
    state, measured, words = outcome_of(bench(lacks_a_tool))
    assert (state, measured) == ("skipped", Measured([]))
    assert words == "no-such-program is missing: apt install it"


@pytest.mark.parametrize(("measure", "words"), [(breaks, "ValueError: no luck"), (exits, "SystemExit: bench: no way")])
def test_what_is_raised_is_a_failure_in_words(
    measure: Callable[[], Measured], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    state, measured, said = outcome_of(bench(measure))
    assert (state, measured, said) == ("failed", Measured([]), words)
    assert "Traceback" in capsys.readouterr().err


def test_a_program_that_is_there_is_found() -> None:
    assert tool("sh", package="a shell").endswith("/sh")
    with pytest.raises(ToolMissingError):
        tool("no-such-program", package="apt install it")
