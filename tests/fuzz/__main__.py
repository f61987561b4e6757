"""Feed all targets, or those whose names begin so, for a share of the time each: ``python -m tests.fuzz --minutes 5``.

A line a target; what it finds is kept under ``.cache/fuzz/<target>/findings``. Exit status 1 if there is any of it.
"""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from tests.fuzz.targets import all_targets

FOLDER: Final = Path(".cache/fuzz")
_EXECUTED: Final = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_ENDS_WITHIN_S: Final = 600.0
"""Beyond its time, on a machine that is busy: to import what is instrumented, to read its corpus, to end."""


class Fed(NamedTuple):
    """What became of a target: how many inputs it was fed with, and the findings that it has now."""

    name: str
    executions: int
    findings: list[Path]
    problem: str = ""


def main() -> None:
    """Feed them, as many at once as there are cores."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--only", default="", help="the beginning of their names, such as web. or kafka.batch")
    options = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        sys.exit("fuzz: atheris is not installed: make fuzz installs it")
    names = [name for name in all_targets() if name.startswith(options.only)]
    cores = len(os.sched_getaffinity(0))
    seconds = max(1, round(options.minutes * 60 * cores / len(names)))
    print(f"fuzz: {len(names)} targets, {seconds} s each, {cores} at once", flush=True)
    with tempfile.TemporaryDirectory(prefix="sitemon-fuzz-") as scratch, ThreadPoolExecutor(cores) as pool:
        fed = [_shown(one) for one in pool.map(lambda name: _fed(name, seconds, scratch), names)]
    sys.exit(any(one.findings or one.problem for one in fed))


def _fed(name: str, seconds: int, scratch: str) -> Fed:
    folder = FOLDER / name
    command = (sys.executable, "-m", "tests.fuzz.engine", name, str(seconds), str(folder))
    environ = {**os.environ, "TMPDIR": scratch}
    try:
        ended = subprocess.run(command, capture_output=True, env=environ, timeout=seconds + _ENDS_WITHIN_S, check=False)
    except subprocess.TimeoutExpired:
        return Fed(name, 0, _findings_in(folder), "it does not end")
    said = ended.stderr.decode(errors="replace")
    executed = _EXECUTED.search(said)
    if executed is None:
        return Fed(name, 0, _findings_in(folder), said.strip()[-2000:])
    return Fed(name, int(executed[1]), _findings_in(folder))


def _findings_in(folder: Path) -> list[Path]:
    """Return our findings, and libFuzzer's own: what hangs, and what ends the process."""
    return sorted(file for file in (folder / "findings").glob("*") if file.suffix != ".txt")


def _shown(fed: Fed) -> Fed:
    print(f"{fed.name:24} {fed.executions:10,} executions {len(fed.findings):4} findings {fed.problem}", flush=True)
    for file in fed.findings:
        words = file.with_suffix(".txt")
        print(
            f"    {file}: {words.read_text().partition(chr(10))[0] if words.exists() else 'it hangs, or ends Python'}"
        )
    return fed


if __name__ == "__main__":
    main()
