"""What a regex of one site may cost the checks of all others."""

import subprocess
import sys

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


def test_a_hostile_regex_and_page_keep_little_memory() -> None:
    a_regex_bytes = int(subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True).stdout)
    assert a_regex_bytes < 2 << 20
