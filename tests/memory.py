"""The resident memory of processes over time."""

import statistics
import threading
from collections.abc import Callable, Mapping
from typing import Final, Self

from sitemon import clock

LOOK_EVERY_S: Final = 5.0


class Memory:
    """Looks every few seconds, in a thread, at what each process holds. `look` gives MiB by name of those that live."""

    def __init__(self, look: Callable[[], Mapping[str, int]]) -> None:
        self._began_s = clock.monotonic_s()
        self._look = look
        self._curve: list[tuple[float, Mapping[str, int]]] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(LOOK_EVERY_S):
            self._curve.append((clock.monotonic_s() - self._began_s, self._look()))

    def curve_mib(self, name: str, every_s: float) -> list[int]:
        """Return what a process held at the end of each stretch of so many seconds."""
        last: dict[int, int] = {}
        for at_s, mib in self._curve:
            if name in mib:
                last[int(at_s / every_s)] = mib[name]
        return list(last.values())

    def fifths_mib(self, name: str) -> list[int]:
        """Return the median of each fifth of the run."""
        seen = [mib[name] for _, mib in self._curve if name in mib]
        size = max(1, len(seen) // 5)
        return [
            round(statistics.median(seen[start : start + size])) for start in range(0, size * 5, size) if seen[start:]
        ]
