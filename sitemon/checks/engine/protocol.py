"""The engine: many checks go in, each outcome comes back as soon as it is ready.

`Engine` is the seam between those who want checks (tasks, monitor) and the way to make them.
"""

from collections.abc import Callable
from typing import Protocol

from sitemon.checks.findings import Observation
from sitemon.model.site import Site

Done = Callable[[Observation], None]
IsWanted = Callable[[], bool]


def always() -> bool:
    """Want a check however long it has waited."""
    return True


class Engine(Protocol):
    """Visits sites. Every accepted check ends within its site's timeout + 0.2 s, always as an `Observation`.

    Only where our own lag may have failed it (`lag.is_doubtful`) is it made again, if it is still wanted then.
    """

    def submit(self, site: Site, done: Done, is_wanted: IsWanted = always) -> None:
        """Take a check and call `done` with what it found; never blocks, may be called from any thread.

        `is_wanted` is asked when the check can begin: when it says no, there is no check, and `done` is not called.

        `done` is called once, from a thread of the engine, as soon as this check is ready, in whatever order. It
        should be short: the engine's place is taken until it returns. What it raises is logged and dropped.

        Raises:
            RuntimeError: the engine was closed.

        """

    def close(self, timeout_s: float) -> None:
        """Take no more checks and wait up to `timeout_s` for those that were taken.

        Then give up: no check begins any more, and `done` is not called for those that had not ended.
        """
