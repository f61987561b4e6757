"""Inputs that a target does not take as it should, kept in a folder until they are mended."""

import hashlib
import traceback
from pathlib import Path
from typing import Final

from tests.fuzz.target import Target, read_within_bounds

_ROOT: Final = Path(__file__).parents[2]


class Findings:
    """Feeds a target, and keeps one input for each place in the code that fails, with the traceback beside it."""

    def __init__(self, target: Target, folder: Path) -> None:
        self._target = target
        self._folder = folder
        self._places: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def feed(self, data: bytes) -> None:
        """Let the target read an input."""
        try:
            read_within_bounds(self._target, data)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is a finding
            self._keep(data, exc)

    def feed_kept(self) -> None:
        """Try again what was kept, and forget what is mended."""
        for file in sorted(self._folder.glob("*.input")):
            data = file.read_bytes()
            for one in (file, file.with_suffix(".txt")):
                one.unlink(missing_ok=True)
            self.feed(data)

    def _keep(self, data: bytes, exc: Exception) -> None:
        place = _place_of(exc)
        if place in self._places:
            return
        self._places.add(place)
        file = self._folder / f"{hashlib.sha256(data).hexdigest()[:16]}.input"
        file.write_bytes(data)
        file.with_suffix(".txt").write_text(f"{place}\n\n{''.join(traceback.format_exception(exc))}")


def _place_of(exc: Exception) -> str:
    """Return what was raised, and the innermost line of ours."""
    frames = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(exc.__traceback__)]
    ours = [frame for frame in frames if frame.startswith(str(_ROOT)) and "/.venv/" not in frame]
    return f"{type(exc).__name__} at {(ours or frames)[-1].removeprefix(f'{_ROOT}/')}"
