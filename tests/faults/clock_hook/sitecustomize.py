"""Moves the wall clock of a process by the seconds that a file holds.

Python imports this at its start when this folder is on PYTHONPATH; monotonic time stays what it is.
"""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sitemon import clock

_offset_file = Path(os.environ["FAULTS_CLOCK_FILE"])


def _moved(real_ns: Callable[[], int]) -> Callable[[], int]:
    return lambda: real_ns() + int(_offset_file.read_text()) * 1_000_000_000


time.time_ns = _moved(time.time_ns)
time.time = lambda: time.time_ns() / 1e9  # noqa: TID251 - of all libraries too
clock.utc_now = lambda: datetime.fromtimestamp(time.time_ns() / 1e9, UTC)
