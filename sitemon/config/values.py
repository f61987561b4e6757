"""Small readers of single values. Each returns the value in its final form or raises `UnfitError`.

A message says what was expected and of which type the value is, never the value: it may be a secret.
Numbers and truth values may also stand as text, because that is how the environment gives them.
"""

import difflib
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, ParamSpec, Self, TypeVar

from sitemon.model.region import is_region

P = ParamSpec("P")
T = TypeVar("T")

Parser = Callable[[object], Any]
ValuePath = tuple[str | int, ...]

_LARGEST_NUMBER: Final = sys.float_info.max
_TRUTH: Final = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
_KINDS: Final[dict[type, str]] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
    type(None): "nothing",
}
_LONGEST_WORD: Final = 200
"""To compare a word takes memory and time by its letters."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
DEEPEST: Final = 64
"""So deep may values be nested in a document: whatever walks them may call itself."""

_DURATION: Final = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)\s?(ms|s|m|h|d)?")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE: Final = re.compile(r"(\d{1,15})\s?(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)?")
_BYTES: Final = {
    "B": 1,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}


Problem = tuple[ValuePath, str]
"""What is wrong, and the path to it inside a value."""


class UnfitError(Exception):
    """A value is not what was expected; `path` leads to the unfit part inside it. There may be `more` of them."""

    def __init__(self, problem: str, path: ValuePath = (), more: Sequence[Problem] = ()) -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = path
        self._more = more

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> Self:
        """Return the error of some problems of one value, one at least."""
        (path, problem), *more = problems
        return cls(problem, path, more)

    def problems_at(self, place: ValuePath) -> list[Problem]:
        """Return all problems of a value that stands at a place."""
        return [((*place, *path), problem) for path, problem in ((self.path, self.problem), *self._more)]


def under(place: str | int, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a reader returns of the part of a value that is at this place; what is unfit in it is there."""
    try:
        return read(*args, **kwargs)
    except UnfitError as exc:
        raise UnfitError(exc.problem, (place, *exc.path)) from exc


def kind_of(value: object) -> str:
    """Return the type of a value in the words of a person."""
    return _KINDS.get(type(value), f"a {type(value).__name__}")


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean …?`` for a word that resembles a known one, else nothing, as for a long one."""
    near = difflib.get_close_matches(word, list(known), n=1) if len(word) <= _LONGEST_WORD else []
    return f"; did you mean {near[0]}?" if near else ""


def text(value: object) -> str:
    """Read text of at least one character, on one line."""
    if not isinstance(value, str):
        quote = "" if isinstance(value, list | dict | None) else " (put it in quotes)"
        raise UnfitError(f"expected text, not {kind_of(value)}{quote}")
    if not value:
        raise UnfitError("expected text, not an empty one")
    if _CONTROL.search(value):
        raise UnfitError("expected text without line breaks and control characters")
    return value


def region_name(value: object) -> str:
    """Read the name of a region."""
    name = text(value)
    if not is_region(name):
        raise UnfitError("expected 1 to 64 letters, digits, dashes and underscores")
    return name


def secret(value: object) -> str:
    """Read text that may be empty, such as the password of a server that asks for none."""
    return value if value == "" and isinstance(value, str) else text(value)


def boolean(value: object) -> bool:
    """Read true or false."""
    found = _TRUTH.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise UnfitError(f"expected true or false, not {'other text' if isinstance(value, str) else kind_of(value)}")
    return found


def integer(low: int, high: int) -> Callable[[object], int]:
    """Return a reader of a whole number from `low` to `high`, both included."""

    def read(value: object) -> int:
        number = int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value) else value
        if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
            raise UnfitError(f"expected a whole number from {low} to {high}")
        return number

    return read


def number(value: object) -> float:
    """Read a number, of a size that a JSON document may have."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST_NUMBER:
        return float(value)
    raise UnfitError("expected a number")


def fraction(value: object) -> float:
    """Read a part of a whole: a number from 0 to 1."""
    number = float(value) if isinstance(value, str) and re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value) else value
    if not isinstance(number, int | float) or isinstance(number, bool) or not 0 <= number <= 1:
        raise UnfitError("expected a number from 0 to 1, such as 0.5")
    return float(number)


def one_of(*words: str) -> Callable[[object], str]:
    """Return a reader of exactly one of these words."""

    def read(value: object) -> str:
        if value in words and isinstance(value, str):
            return value
        near = suggestion(value, words) if isinstance(value, str) else ""
        raise UnfitError(f"expected {', '.join(words[:-1])} or {words[-1]}{near}")

    return read


def duration_s(value: object) -> float:
    """Read a duration: a number of seconds, or text such as ``500ms``, ``30s``, ``5m``, ``1h``, ``1d``."""
    if isinstance(value, str) and (found := _DURATION.fullmatch(value)):
        number, unit = found.groups()
        return float(number) * _SECONDS[unit or "s"]
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= sys.float_info.max:
        return float(value)
    raise UnfitError("expected a duration such as 500ms, 30s, 5m, 1h, or a number of seconds")


def size_bytes(value: object) -> int:
    """Read a size: a number of bytes, or text such as ``64KiB``, ``1GiB``."""
    if isinstance(value, str) and (found := _SIZE.fullmatch(value)):
        number, unit = found.groups()
        return int(number) * _BYTES[unit or "B"]
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise UnfitError("expected a size such as 64KiB, 500MiB, 1GiB, or a number of bytes")
