"""Searching with RE2: in linear time, whatever the pattern and whatever a stranger's page holds."""

import functools
from typing import Any, Final

import re2

_MOST_MEMORY_BYTES: Final = 2 << 20
"""Of one regex, with what RE2 keeps of the texts that it saw: a hostile pair fills what it may, RE2's own 8 MiB too."""
_MOST_KEPT: Final = 1_024


def is_found(pattern: str, text: str) -> bool:
    """Search the text for an RE2 regex.

    Raises:
        ValueError: it is not one, in RE2's own words.

    """
    # On bytes: for a text, the wrapper would count where in it each group lies, which takes far longer than to search.
    return compiled(pattern).search(text.encode()) is not None


@functools.lru_cache(maxsize=_MOST_KEPT)
def compiled(pattern: str) -> Any:
    """Return the compiled RE2 regex.

    Raises:
        ValueError: it is not one, in RE2's own words.

    """
    options = re2.Options()
    options.log_errors = False  # RE2 would write to stderr
    options.max_mem = _MOST_MEMORY_BYTES
    try:
        return re2.compile(pattern, options)
    except re2.error as exc:
        words = exc.args[0] if exc.args else ""
        raise ValueError(words.decode(errors="replace") if isinstance(words, bytes) else str(words)) from exc
