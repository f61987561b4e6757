"""Showing a piece of what a server sent, without the secrets that we sent it."""

import re
from typing import Final

from sitemon.checks.judge.masked import Mask
from sitemon.model.one_line import printable

_AROUND: Final = 60
_LONGEST: Final = 200
_BLANKS: Final = re.compile(r"\s+")


def excerpt(mask: Mask, text: str, start: int = 0, end: int = 0) -> str:
    """Return the text from `start` to `end` and some of what stands around it, masked, on one printable line."""
    first, last = max(0, start - _AROUND), min(end, start + _LONGEST) + _AROUND
    piece = _BLANKS.sub(" ", mask.masked(text, first, last)).strip()
    return printable(f"{'…' if first else ''}{piece}{'…' if last < len(text) else ''}")
