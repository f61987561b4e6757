"""The targets, a module for each of those who send: `ROOMS`. A new reader of strangers' bytes gets a target here."""

import importlib
from typing import Final

from tests.fuzz.target import Target

ROOMS: Final = ("config", "web", "network", "patterns", "kafka", "alerts")


def targets_of(room: str) -> tuple[Target, ...]:
    """Return the targets of a room, which is imported by this."""
    found: tuple[Target, ...] = importlib.import_module(f"{__name__}.{room}").TARGETS
    return found


def all_targets() -> dict[str, Target]:
    """Return all targets by ``room.name``."""
    return {f"{room}.{target.name}": target for room in ROOMS for target in targets_of(room)}
