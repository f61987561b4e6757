"""Which benches there are: every `Bench` at the top of a module of this folder."""

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.figures import Bench

FOLDER = Path(__file__).parent


class UnknownBenchError(Exception):
    """No bench has that name."""


def all_benches() -> list[Bench]:
    """Return all benches in the order of their names. A module that merely imports one does not add it again."""
    found = {bench.name: bench for bench in _found()}
    return [found[name] for name in sorted(found)]


def chosen(benches: Sequence[Bench], names: Sequence[str], *, is_full: bool) -> list[Bench]:
    """Return those with these names; without a name the short ones, or all. Raises UnknownBenchError."""
    if not names:
        return [bench for bench in benches if bench.is_short or is_full]
    by_name = {bench.name: bench for bench in benches}
    if unknown := [name for name in names if name not in by_name]:
        raise UnknownBenchError(f"no bench {', '.join(unknown)}; there are: {', '.join(by_name)}")
    return [by_name[name] for name in names]


def _found() -> Iterator[Bench]:
    for module in pkgutil.iter_modules([str(FOLDER)]):
        if module.name != "__main__":
            values = vars(importlib.import_module(f"bench.{module.name}")).values()
            yield from (value for value in values if isinstance(value, Bench))
