"""Searching with RE2: in linear time, whatever pattern and page hold; and how much work a pattern is."""

import functools
import math
import re
from typing import Any, Final

import re2

_MOST_MEMORY_BYTES: Final = 2 << 20
"""Of one regex, with what RE2 keeps of the texts that it saw: a hostile pair fills what it may, RE2's own 8 MiB too."""
_MOST_KEPT: Final = 64
"""To compile a usual one again takes 30 us."""
_MOST_CLASSES: Final = 20
"""Of Unicode: each is 5 KiB and takes 0.2 ms, also where ``{0}`` leaves it out of the program."""

_LITERAL: Final = r"(?:[^\\.|?*+()\[\]{}]|\\[^A-Za-z0-9])"
_SET: Final = r"(?:\.|\[\^?[^\\\[\]]+\]|\\[dDsSwWbB])"
_GAP: Final = rf"(?:(?:{_LITERAL}|{_SET})[*+?]\??|{_SET}|[|()])"
_LITERALS: Final = rf"(?:{_LITERAL}(?![*+?]))*"
_PLAIN: Final = re.compile(rf"(?:\(\?[ims]+\))?{_LITERALS}(?:{_GAP}{_LITERALS}){{0,8}}", re.DOTALL)
"""Text with few gaps, nothing counted and no group repeated: RE2 has a table of all that it may come to in a text."""
_LONGEST_LIGHT: Final = 200
"""A longer regex may take 20 ms to compile, with Unicode's classes."""
_LIGHT_MEMORY_BYTES: Final = 256 << 10
_WORK_TO_COMPILE: Final = 100
"""For each instruction, in bytes of a text."""


def is_found(pattern: str, text: str) -> bool:
    """Search the text for an RE2 regex.

    Raises:
        ValueError: it is not one, in RE2's own words.

    """
    # On bytes: for a text, the wrapper would count where in it each group lies, which takes far longer than to search.
    return compiled(pattern).search(text.encode()) is not None


def excess(pattern: str) -> str | None:
    """Say why the regex could take much memory, or long to compile, or None if it can do neither. Nothing is kept.

    Raises:
        ValueError: it is not one, or its program is too large, in RE2's own words.

    """
    if pattern.count(r"\p") + pattern.count(r"\P") > _MOST_CLASSES:
        return rf"expected at most {_MOST_CLASSES} classes of Unicode (\p)"
    _compile(pattern, _LIGHT_MEMORY_BYTES)
    return None


def work(pattern: str, text_bytes: int) -> float:
    """Return how long it takes at most to compile a regex and to search a text: one is about 10 ns.

    A hostile pair has no table that fits into the memory: then each byte of the text is compared with each instruction.
    """
    size = _size(pattern) if len(pattern) <= _LONGEST_LIGHT else math.inf
    return (text_bytes + _WORK_TO_COMPILE) * size


@functools.lru_cache(maxsize=10_000)
def _size(pattern: str) -> float:
    """Return how many instructions a regex has that need be looked at for a byte; infinity stands for very many."""
    if _PLAIN.fullmatch(pattern):
        return 1
    try:
        return float(_compile(pattern, _LIGHT_MEMORY_BYTES).programsize)
    except ValueError:
        return math.inf


@functools.lru_cache(maxsize=_MOST_KEPT)
def compiled(pattern: str) -> Any:
    """Return the compiled RE2 regex, which is kept.

    Raises:
        ValueError: it is not one, in RE2's own words.

    """
    return _compile(pattern, _MOST_MEMORY_BYTES)


def _compile(pattern: str, most_memory_bytes: int) -> Any:
    options = re2.Options()
    options.log_errors = False  # RE2 would write to stderr
    options.max_mem = most_memory_bytes
    options.never_capture = True  # nobody asks for groups, which take long to find
    try:
        return re2.compile(pattern, options)
    except re2.error as exc:
        words = exc.args[0] if exc.args else ""
        raise ValueError(words.decode(errors="replace") if isinstance(words, bytes) else str(words)) from exc
    finally:
        re2.purge()  # of what the wrapper keeps
