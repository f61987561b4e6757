"""Where a process spends its CPU, by py-spy when that is on the PATH."""

import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

SECONDS: Final = 10
SHOWN: Final = 8


def hottest(pid: int) -> list[str]:
    """Watch a process and its children for a while; return where its CPU goes, a line each, the most first.

    One line says so when py-spy is missing, or may not look.
    """
    program = shutil.which("py-spy")
    if program is None:
        return ["no profile: py-spy is not installed"]
    with tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name:
        stacks = Path(name, "stacks")
        command = [program, "record", "--pid", str(pid), "--duration", str(SECONDS), "--subprocesses"]
        done = subprocess.run(
            [*command, "--nonblocking", "--rate", "50", "--format", "raw", "--output", str(stacks)],
            capture_output=True,
            text=True,
            check=False,
        )
        if not stacks.exists():
            return [f"no profile: {' '.join(done.stderr.split())[-120:]}"]
        return shares_of(stacks.read_text().splitlines())


def shares_of(stacks: Iterable[str]) -> list[str]:
    """Return the share of each innermost function in stacks as py-spy writes them: frames, a space, how often seen."""
    seen: Counter[str] = Counter()
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        seen[frames.rpartition(";")[2]] += int(count)
    whole = seen.total()
    return [f"{100 * count / whole:.0f} % {frame}" for frame, count in seen.most_common(SHOWN)]
