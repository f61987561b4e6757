"""When a site is maintained, and which sites it lies behind."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from sitemon.config.site_values import Context, distinct_names
from sitemon.config.values import UnfitError, duration_s, kind_of, suggestion, text, under
from sitemon.model.maintenance import Recurring
from sitemon.patterns.recurrence import problem_of

_FIELDS: Final = ("rrule", "start", "duration", "timezone")
_MOST_WINDOWS: Final = 20
_MOST_GATEWAYS: Final = 20
_LONGEST_S: Final = 7 * 86_400.0
_MOST_COMPARED: Final = 300_000
"""To compare a name with so many others, for one that resembles it, takes some seconds."""
MOST_RINGS: Final = 100
"""To tell one takes as long as it is."""
_LONGEST_RING: Final = 20


def maintenance(value: object, context: Context) -> tuple[Recurring, ...]:
    """Read a list of windows."""
    if not isinstance(value, list) or len(value) > _MOST_WINDOWS:
        raise UnfitError(f"expected a list of at most {_MOST_WINDOWS} windows")
    found = []
    for place, one in enumerate(value):
        context.look_at_clock()
        found.append(under(place, _window, one))
    return tuple(found)


def _window(value: object) -> Recurring:
    if not isinstance(value, dict):
        raise UnfitError(f"expected a mapping with start and duration, not {kind_of(value)}")
    for field in value:
        if field not in _FIELDS:
            raise UnfitError(f"unknown field{suggestion(str(field), _FIELDS)}", (field,))
    for field in ("start", "duration"):
        if field not in value:
            raise UnfitError(f"{field}: missing")
    found = Recurring(
        start=under("start", text, value["start"]),
        duration_s=under("duration", _duration_s, value["duration"]),
        rrule=under("rrule", text, value["rrule"]) if "rrule" in value else None,
        timezone=under("timezone", text, value["timezone"]) if "timezone" in value else "UTC",
    )
    problem = problem_of(found)
    if problem:
        field, _, words = problem.partition(": ")
        raise UnfitError(words, (field,)) if field in value else UnfitError(problem)
    return found


def _duration_s(value: object) -> float:
    found_s = duration_s(value)
    if not 1 <= found_s <= _LONGEST_S:
        raise UnfitError("expected a duration of at least 1s, and at most 7d")
    return found_s


def depends_on(value: object, context: Context) -> tuple[str, ...]:
    """Read the names of the sites that this one lies behind; there may be none."""
    if not isinstance(value, list) or len(value) > _MOST_GATEWAYS:
        raise UnfitError(f"expected a list of at most {_MOST_GATEWAYS} names of sites")
    return distinct_names(value, context, "expected the name of a site")


def dependency_problems(gateways: Mapping[str, tuple[str, ...]], known: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield sites whose dependencies lead to no end, each with what is wrong: unknown names, and one site of each ring.

    `gateways` are those of the sites that have any. Each is looked at once, however many are wrong.
    """
    names = set(known)
    unknown = [(site, one) for site, behind in gateways.items() for one in behind if one not in names]
    for place, (site, one) in enumerate(unknown):
        near = suggestion(one, names) if place * len(names) < _MOST_COMPARED else ""
        yield site, f"there is no site {one}{near}"
    for ring in islice(rings(gateways), MOST_RINGS):
        yield ring[0], ring_problem(ring)


def ring_problem(ring: Sequence[str]) -> str:
    """Return the words for sites that depend on each other in a ring."""
    shown = ring if len(ring) <= _LONGEST_RING else [*ring[: _LONGEST_RING - 1], "…", ring[-1]]
    return f"expected no ring: {' depends on '.join(shown)}"


def rings(gateways: Mapping[str, tuple[str, ...]]) -> Iterator[list[str]]:
    """Yield rings, the first site of each again at its end, until there is none without one of their last steps."""
    done: set[str] = set()
    for start in gateways:
        path: dict[str, Iterator[str]] = {} if start in done else {start: iter(gateways[start])}
        while path:
            site, behind = next(reversed(path.items()))
            one = next((one for one in behind if one in gateways and one not in done), None)
            if one is None:
                del path[site]
                done.add(site)
            elif one in path:
                on_path = list(path)
                yield [*on_path[on_path.index(one) :], one]
            else:
                path[one] = iter(gateways[one])


def leading_into_rings(gateways: Mapping[str, Collection[str]]) -> set[str]:
    """Return the sites from which one comes into a ring; each step is looked at once."""
    left = {site: sum(one in gateways for one in behind) for site, behind in gateways.items()}
    before: dict[str, list[str]] = {site: [] for site in gateways}
    for site, behind in gateways.items():
        for one in behind:
            if one in gateways:
                before[one].append(site)
    leading_out = [site for site, steps in left.items() if not steps]
    for site in leading_out:
        for one in before[site]:
            left[one] -= 1
            if not left[one]:
                leading_out.append(one)
    return left.keys() - leading_out
