"""What a regex of one site may cost the checks of all others, and who reads sites."""

import math
import subprocess
import sys

import pytest
import re2

from sitemon.clock import thread_cpu_s
from sitemon.patterns import regex

PROGRAM = """
import random
from sitemon.patterns.regex import is_found

def resident_bytes():
    return int(open("/proc/self/statm").read().split()[1]) << 12

text = "".join(random.Random(1).choices("ab", k=60_000))
before_bytes = resident_bytes()
for number in range(20):
    is_found("(a|b)*a(a|b){14}c%d" % number, text)
print((resident_bytes() - before_bytes) // 20)
"""


def problem_of(pattern: str) -> str | None:
    try:
        return regex.excess(pattern)
    except ValueError as exc:
        return str(exc)


def test_a_hostile_regex_and_page_keep_little_memory() -> None:
    a_regex_bytes = int(subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True).stdout)
    assert a_regex_bytes < 2 << 20


def test_nor_do_very_many_of_them() -> None:
    for number in range(200):
        regex.compiled(f"one of many: {number}")
    assert 0 < regex.compiled.cache_info().currsize * regex._MOST_MEMORY_BYTES <= 128 << 20
    assert re2._Regexp._make.cache_info().currsize == 0


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        (r"17\pL{100}", "pattern too large"),
        (r"(?i)\pL{20}", "pattern too large"),
        ("(?:" + r"\pL" * 1_000 + "){0}", "expected at most 20 classes of Unicode"),
        (r"[^\PL]{0}" * 21, "expected at most 20 classes of Unicode"),
        (r"\pL{0}" * 20, None),
        (r"(?i)\pL{10}", None),
        (r"^\p{Lu}\p{Ll}+(?: \p{Lu}\p{Ll}+)*$", None),
        ("x" * 4_094, None),
        ("(?i)" + "д" * 2_000, None),
        (r"(?:\d{4}-\d{2}-\d{2} ){50}", None),
    ],
    ids=lambda value: value if value is None else value[:30],
)
def test_one_that_is_costly_is_refused_where_it_is_read(pattern: str, problem: str | None) -> None:
    began_s = thread_cpu_s()
    found = problem_of(pattern)
    assert thread_cpu_s() - began_s < 0.1
    assert (problem or "") in (found or "")
    assert (found is None) == (problem is None)


def test_of_a_regex_that_is_only_read_nothing_is_kept() -> None:
    kept = (regex.compiled, regex._size)
    before = [one.cache_info() for one in kept]
    assert regex.excess(r"what nobody else has: \d+") is None
    assert [one.cache_info() for one in kept] == before
    assert re2._Regexp._make.cache_info().currsize == 0


def test_nothing_is_kept_of_long_ones_that_are_weighed() -> None:
    before = regex._size.cache_info()
    assert regex.work("x" * 201, 0) == math.inf
    assert regex._size.cache_info() == before
