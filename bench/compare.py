"""The ratios of a run beside those stored: a figure that fell behind is named."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.figures import Figure
from bench.run import Ran

STORED: Final = Path(__file__).with_name("ratios.json")
BEHIND_SHARE: Final = 0.15
"""How far a ratio may be worse than the stored one: what runs on a busy machine differ by."""

Ratios = Mapping[str, Mapping[str, float]]
"""By bench and figure."""


def ratios_of(ran: Sequence[Ran]) -> dict[str, dict[str, float]]:
    """Return the ratios that were measured, to three decimals."""
    measured = {one.bench.name: {figure.name: round(figure.value, 3) for figure in _ratios(one)} for one in ran}
    return {bench: ratios for bench, ratios in measured.items() if ratios}


def fell_behind(ran: Sequence[Ran], stored: Ratios) -> list[str]:
    """Return a line for each stored ratio of these benches that is worse now, or that is not measured any more.

    A bench that was skipped is not compared: this machine lacks a program. A ratio without a stored one is new.
    """
    lines = []
    for one in ran:
        if one.state == "skipped":
            continue
        now = {figure.name: figure for figure in _ratios(one)}
        for name, before in stored.get(one.bench.name, {}).items():
            if name not in now:
                lines.append(f"{one.bench.name}: {name}: not measured, {before:.3g} stored")
            elif is_behind(now[name], before):
                lines.append(f"{one.bench.name}: {name}: {now[name].value:.3g}, {before:.3g} stored")
    return lines


def is_behind(now: Figure, before: float) -> bool:
    """Tell whether a ratio is worse than before by more than runs differ."""
    if now.better == "lower":
        return now.value > before * (1 + BEHIND_SHARE)
    return now.value < before * (1 - BEHIND_SHARE)


def read_stored(path: Path = STORED) -> Ratios:
    """Read the stored ratios; none when nothing is stored yet."""
    if not path.exists():
        return {}
    ratios: Ratios = json.loads(path.read_text())
    return ratios


def store(ran: Sequence[Ran], path: Path = STORED) -> None:
    """Store the ratios of these benches, and keep those of the benches that were not run."""
    path.write_text(json.dumps({**read_stored(path), **ratios_of(ran)}, indent=2, sort_keys=True) + "\n")


def _ratios(one: Ran) -> list[Figure]:
    return [figure for figure in one.measured.figures if figure.unit == "ratio"]
