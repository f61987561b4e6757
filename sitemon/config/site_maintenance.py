"""When a site is maintained, and which sites it lies behind."""

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Final

from sitemon.config.site_values import Context, distinct_names
from sitemon.config.values import UnfitError, duration_s, kind_of, suggestion, text
from sitemon.model.maintenance import Recurring
from sitemon.patterns.recurrence import problem_of

_FIELDS: Final = ("rrule", "start", "duration", "timezone")
_MOST_WINDOWS: Final = 20
_MOST_GATEWAYS: Final = 20
_LONGEST_S: Final = 7 * 86_400.0


def maintenance(value: object, _: Context) -> tuple[Recurring, ...]:
    """Read a list of windows."""
    if not isinstance(value, list) or len(value) > _MOST_WINDOWS:
        raise UnfitError(f"expected a list of at most {_MOST_WINDOWS} windows")
    return tuple(_window(one, place) for place, one in enumerate(value))


def _window(value: object, place: int) -> Recurring:
    if not isinstance(value, dict):
        raise UnfitError(f"expected a mapping with start and duration, not {kind_of(value)}", (place,))
    for field in value:
        if field not in _FIELDS:
            raise UnfitError(f"unknown field{suggestion(str(field), _FIELDS)}", (place, field))
    for field in ("start", "duration"):
        if field not in value:
            raise UnfitError(f"{field}: missing", (place,))
    found = Recurring(
        start=_text(value, "start", place),
        duration_s=_duration_s(value["duration"], place),
        rrule=_text(value, "rrule", place) if "rrule" in value else None,
        timezone=_text(value, "timezone", place) if "timezone" in value else "UTC",
    )
    problem = problem_of(found)
    if problem:
        field, _, words = problem.partition(": ")
        raise UnfitError(*((words, (place, field)) if field in value else (problem, (place,))))
    return found


def _text(value: Mapping[str, object], field: str, place: int) -> str:
    try:
        return text(value[field])
    except UnfitError as exc:
        raise UnfitError(exc.problem, (place, field)) from exc


def _duration_s(value: object, place: int) -> float:
    try:
        found_s = duration_s(value)
    except UnfitError as exc:
        raise UnfitError(exc.problem, (place, "duration")) from exc
    if not 1 <= found_s <= _LONGEST_S:
        raise UnfitError("expected a duration of at least 1s, and at most 7d", (place, "duration"))
    return found_s


def depends_on(value: object, context: Context) -> tuple[str, ...]:
    """Read the names of the sites that this one lies behind; there may be none."""
    if not isinstance(value, list) or len(value) > _MOST_GATEWAYS:
        raise UnfitError(f"expected a list of at most {_MOST_GATEWAYS} names of sites")
    return distinct_names(value, context, "expected the name of a site")


def dependency_problems(gateways: Mapping[str, tuple[str, ...]], known: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield sites whose dependencies lead to no end, each with what is wrong: unknown names, and one site of each ring.

    `gateways` are those of the sites that have any.
    """
    names = set(known)
    for site, behind in gateways.items():
        for unknown in (one for one in behind if one not in names):
            yield site, f"there is no site {unknown}{suggestion(unknown, names)}"
    left = dict(gateways)
    while ring := _ring(left):
        yield ring[0], f"expected no ring: {' depends on '.join(ring)}"
        del left[ring[0]]


def _ring(gateways: Mapping[str, tuple[str, ...]]) -> list[str]:
    try:
        TopologicalSorter(gateways).prepare()
    except CycleError as exc:
        ring: list[str] = exc.args[1]
        return ring[::-1]
    return []
