"""How often somebody may do something. Nothing is kept of who was quiet for long enough."""

import threading
from collections import OrderedDict, deque
from typing import Final

_MOST_KEYS: Final = 10_000


class Limit:
    """At most `most` times in `window_s` seconds for each key; `now_s` is on a clock that never steps. Thread-safe."""

    def __init__(self, most: int, window_s: float) -> None:
        self._most = most
        self._window_s = window_s
        self._lock = threading.Lock()
        self._times_s: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, key: str, now_s: float) -> float:
        """Count once, and return 0; or, where it was often enough, return in how many seconds it may be again."""
        with self._lock:
            times_s = self._times_s.setdefault(key, deque())
            self._times_s.move_to_end(key)
            while times_s and times_s[0] <= now_s - self._window_s:
                times_s.popleft()
            if len(times_s) >= self._most:
                return times_s[0] + self._window_s - now_s
            times_s.append(now_s)
            if len(self._times_s) > _MOST_KEYS:
                self._times_s.popitem(last=False)
            return 0.0
