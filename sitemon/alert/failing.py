"""Parts of what an alerter does by turns: what is said of one that failed."""

import logging
from collections.abc import Callable

from sitemon.backoff import Backoff
from sitemon.model.errors import SitemonError
from sitemon.store.failing import Failing, Part

log = logging.getLogger(__name__)


class FailingParts(Failing[Part]):
    """Which parts failed when they were tried last; `words_of` says what one is."""

    def __init__(self, rest: Backoff, words_of: Callable[[Part], str]) -> None:
        super().__init__(rest, lambda part, exc: say_failed(words_of(part), exc))


def say_failed(what: str, exc: Exception) -> None:
    """Say that a part failed; of a mistake in sitemon, where."""
    is_known = isinstance(exc, SitemonError)
    words = exc if is_known else repr(exc)
    log.error("alerter.part_failed: %s: %s; all else goes on", what, words, exc_info=None if is_known else exc)
