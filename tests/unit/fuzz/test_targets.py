"""The targets of ``make fuzz``: they take their seeds and what is near them, and a broken reader does not pass."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.findings import Findings
from tests.fuzz.target import (
    MOST_MEMORY_BYTES,
    SEPARATOR,
    Target,
    TooSlowError,
    parts_of,
    pieces_of,
    read_within_bounds,
)
from tests.fuzz.targets import all_targets

TARGETS = all_targets()
_EDITS = st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 8), st.binary(max_size=8)), max_size=4)


def edited(seed: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Return a seed some of whose bytes are others, or gone."""
    data = bytearray(seed)
    for place, gone, come in edits:
        at = place % (len(data) + 1)
        data[at : at + gone] = come
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_each_takes_its_seeds_and_what_is_near_them(name: str) -> None:
    target = TARGETS[name]
    for seed in target.seeds:
        read_within_bounds(target, seed)

    @settings(max_examples=60, database=None)
    @given(seed=st.sampled_from(target.seeds), edits=_EDITS)
    def run(seed: bytes, edits: list[tuple[int, int, bytes]]) -> None:
        read_within_bounds(target, edited(seed, edits))

    run()


def fail(data: bytes) -> None:
    if b"x" in data:
        raise KeyError(data)


def burn(_: bytes) -> None:
    sum(range(3_000_000))


def test_what_fails_is_kept_once_with_its_place_and_forgotten_when_it_is_mended(tmp_path: Path) -> None:
    broken = Findings(Target("broken", fail, ()), tmp_path)
    for data in (b"a", b"xa", b"xb"):
        broken.feed(data)
    (kept,) = tmp_path.glob("*.input")
    assert kept.read_bytes() == b"xa"
    assert kept.with_suffix(".txt").read_text().startswith("KeyError at tests/unit/fuzz/test_targets.py:")
    Findings(Target("broken", fail, ()), tmp_path).feed_kept()
    assert kept.exists()
    Findings(Target("mended", len, ()), tmp_path).feed_kept()
    assert [*tmp_path.iterdir()] == []


def test_what_takes_too_long_is_a_finding() -> None:
    with pytest.raises(TooSlowError, match="slow: 3 bytes take"):
        read_within_bounds(Target("slow", burn, (), most_cpu_s=0.001), b"abc")


def test_an_input_is_cut_into_parts_and_pieces() -> None:
    assert parts_of(b"a" + SEPARATOR + b"b" + SEPARATOR + b"c", 2) == [b"a", b"b" + SEPARATOR + b"c"]
    assert parts_of(b"a", 3) == [b"a", b"", b""]
    assert pieces_of(b"\x02abcde") == [b"ab", b"cd", b"e"]
    assert pieces_of(b"") == pieces_of(b"\x00") == []


def test_what_takes_too_much_memory_is_refused() -> None:
    program = f"""
from tests.fuzz.target import bound_memory
bound_memory()
bytearray({MOST_MEMORY_BYTES // 2})
try:
    bytearray({MOST_MEMORY_BYTES})
except MemoryError:
    print("refused")
"""
    before = resource.getrlimit(resource.RLIMIT_AS)
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout == "refused\n"
    assert resource.getrlimit(resource.RLIMIT_AS) == before, "it is that process's alone"
