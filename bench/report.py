"""What a run of benches found: a table for the terminal, and JSON for other programs."""

import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.figures import Figure
from bench.run import Ran
from sitemon import clock
from sitemon.model.moment import format_utc

ROOT = Path(__file__).parents[1]


class Effects(NamedTuple):
    """Where and when figures were measured, and of which code."""

    machine: str
    commit: str
    at: str
    load: float
    """How many processes wanted a core in the minute before: a busy machine spoils rates and lateness."""

    def __str__(self) -> str:
        return f"{self.machine}, commit {self.commit}, {self.at[:10]}, load {self.load:.1f} before"


def effects() -> Effects:
    """Tell where this runs: absolute figures are worth little without it."""
    memory_gib = round(psutil.virtual_memory().total / 2**30)
    system = f"{platform.machine()}, {memory_gib} GiB, Python {platform.python_version()}"
    machine = f"{os.cpu_count()} cores ({_processor()}), {system}"
    return Effects(machine, _commit(), format_utc(clock.utc_now()), round(os.getloadavg()[0], 1))


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def _commit() -> str:
    """Return the commit, with a plus when files differ from it; an unpacked sdist has none."""
    commands = (["git", "rev-parse", "--short", "HEAD"], ["git", "status", "--porcelain", "--untracked-files=no"])
    try:
        commit, changed = (
            subprocess.check_output(one, cwd=ROOT, text=True, stderr=subprocess.DEVNULL) for one in commands
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit.strip() + ("+" if changed.strip() else "")


def as_json(ran: Sequence[Ran], where: Effects) -> dict[str, Any]:
    """Return all of it, ready for JSON."""
    return {**where._asdict(), "benches": [_bench_as_json(one) for one in ran]}


def _bench_as_json(one: Ran) -> dict[str, Any]:
    return {
        "name": one.bench.name,
        "question": one.bench.question,
        "method": one.bench.method,
        "state": one.state,
        "words": one.words,
        "took_s": round(one.took_s, 1),
        "figures": [{**figure._asdict(), "is_met": figure.is_met} for figure in one.measured.figures],
        "notes": list(one.measured.notes),
    }


def show(ran: Sequence[Ran], where: Effects, console: Console) -> None:
    """Print a table of all figures, then what the benches said beside them."""
    table = Table(title=f"{where}", title_justify="left", title_style="")
    for heading in ("bench", "figure", "found", "goal", ""):
        table.add_column(heading, justify="right" if heading in {"found", "goal"} else "left")
    for one in ran:
        for row in _rows(one):
            table.add_row(*row)
        table.add_section()
    table.caption = f"{sum(one.took_s for one in ran) / 60:.1f} minutes in all"
    console.print(table)
    for one in ran:
        for note in one.measured.notes:
            console.print(escape(f"{one.bench.name}: {note}"), highlight=False)


def _rows(one: Ran) -> Iterator[tuple[str, ...]]:
    name = escape(one.bench.name)
    if not one.measured.figures:
        words = one.words or "no figure: its notes say why"
        yield name, escape(words), "", "", "skipped" if one.state == "skipped" else "[red]failed[/red]"
    for figure in one.measured.figures:
        yield name, escape(figure.name), amount(figure.value, figure.unit), goal_of(figure), _verdict(figure)
        name = ""


def amount(value: float, unit: str) -> str:
    """Write a figure: three digits that count, and its unit unless it is a ratio."""
    digits = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return digits if unit == "ratio" else f"{digits} {unit}"


def goal_of(figure: Figure) -> str:
    """Write the goal of a figure; nothing when it has none."""
    if figure.goal is None:
        return ""
    return f"{'≤' if figure.better == 'lower' else '≥'} {amount(figure.goal, figure.unit)}"


def _verdict(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    return "[green]met[/green]" if figure.is_met else "[red]missed[/red]"
