"""Comparing a JSON document with what its paths must find."""

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from sitemon.checks.judge.failures import quoted
from sitemon.model.one_line import shortened
from sitemon.model.site import ExpectedJson
from sitemon.patterns.json_path import JSONPathError, values_at
from sitemon.patterns.regex import is_found

_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "less_than": operator.lt,
    "at_most": operator.le,
    "more_than": operator.gt,
    "at_least": operator.ge,
}

Misfit = tuple[str, str | None]
"""The words for it, and what was found instead, if anything."""


def misfits(expected: tuple[ExpectedJson, ...], text: str, *, was_cut: bool) -> Iterator[Misfit]:
    """Yield what is not as expected in a body; `was_cut`: it may be longer than what was read of it."""
    try:
        document = msgspec.json.decode(text.removeprefix("\ufeff"))
    except (msgspec.DecodeError, RecursionError):
        yield "the response is not JSON" + (", as far as it was read (max_body)" if was_cut else ""), text
        return
    for one in expected:
        path = shortened(one.path)
        try:
            misfit = _misfit(one, document)
        except (JSONPathError, RecursionError):
            misfit = "cannot be looked up in a document nested so deeply", None
        if misfit is not None:
            yield f"{path} {misfit[0]}", misfit[1]


def _misfit(expected: ExpectedJson, document: Any) -> Misfit | None:
    values = values_at(expected.path, document)
    first = next(values, msgspec.UNSET)
    if expected.exists is False:
        return None if first is msgspec.UNSET else ("is there", _shown(first))
    if first is msgspec.UNSET:
        return "is missing", None
    if expected.exists:
        return None
    return next((misfit for value in (first, *values) if (misfit := _misfit_of_value(expected, value))), None)


def _misfit_of_value(expected: ExpectedJson, value: Any) -> Misfit | None:
    words = next(_words_of_value(expected, value), None)
    return None if words is None else (words, _shown(value))


def _words_of_value(expected: ExpectedJson, value: Any) -> Iterator[str]:
    if expected.equals is not msgspec.UNSET and not is_same(value, expected.equals):
        yield "is not what was expected"
    if expected.matches is not None and not is_found(expected.matches, _shown(value)):
        yield f"does not match the regex {quoted(expected.matches)}"
    for name, compare in _COMPARISONS.items():
        bound = getattr(expected, name)
        if bound is not None and not (_is_number(value) and compare(value, bound)):
            yield f"is not {name.replace('_', ' ')} {bound:g}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    """Return text as it is, and all else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are equal: to Python, true is 1 as well."""
    match one, other:
        case (bool(), _) | (_, bool()):
            return one is other
        case (dict(), dict()):
            return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
        case (list(), list()):
            return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)
