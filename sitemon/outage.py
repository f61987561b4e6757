"""A server that does not do what is asked of it: said once, asked again with growing pauses."""

import random
import threading
from collections.abc import Callable
from typing import Final

from sitemon.backoff import Backoff
from sitemon.model.errors import RefusedError, SitemonError

AWAY: Final = Backoff(first_s=0.2, longest_s=5.0)
"""A server that is away is back within seconds of its return."""

REFUSED: Final = Backoff(first_s=5.0, longest_s=60.0)
"""A person has to mend something; the server's log should not fill up meanwhile."""


class Outage:
    """What one thread knows of why it cannot go on, if it cannot."""

    def __init__(self, stop: threading.Event, chance: random.Random | None = None) -> None:
        self._stop = stop
        self._chance = chance or random.Random()
        self._reason: type[SitemonError] | None = None
        self._tries = 0

    def wait_after(self, exc: SitemonError, say: Callable[[], object]) -> bool:
        """Wait for the next try; before that `say` why, if the last try failed for another reason, or did not fail.

        Of a class of errors and its subclasses one is said: that a statement was cancelled, or its server is away.

        Return False when told to stop.
        """
        if not self._is_said(type(exc)) and not self._stop.is_set():
            self._reason, self._tries = type(exc), 0
            say()
        self._tries += 1
        backoff = REFUSED if isinstance(exc, RefusedError) else AWAY
        return not self._stop.wait(backoff.wait_s(self._tries, self._chance))

    def is_over(self) -> bool:
        """Note that a try went well; tell whether the last one had not."""
        was_there, self._reason = self._reason is not None, None
        return was_there

    def _is_said(self, reason: type[SitemonError]) -> bool:
        return self._reason is not None and (issubclass(reason, self._reason) or issubclass(self._reason, reason))
