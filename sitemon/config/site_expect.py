"""The values of a site's fields under ``expect``."""

from typing import Any, Final

from sitemon.config.site_requests import json_value
from sitemon.config.site_values import LONGEST_TIMEOUT_S, TOKEN, Context, regex
from sitemon.config.values import UnfitError, boolean, duration_s, kind_of, number, suggestion, text, under
from sitemon.kept import kept
from sitemon.model.site import ExpectedHeader, ExpectedJson
from sitemon.patterns.json_path import JSONPathError, excess

_HEADER: Final = "expected text, {matches: …} or {exists: true or false}"
_COMPARISONS: Final = ("less_than", "at_most", "more_than", "at_least")
_KINDS_OF_JSON: Final = ("equals", "matches", "exists", *_COMPARISONS)
_LONGEST_PATH: Final = 1_000


def headers(value: object, context: Context) -> dict[str, ExpectedHeader]:
    """Read what headers of the response must be, by their names in lower case."""
    if not isinstance(value, dict):
        raise UnfitError(f"expected a mapping of names to what is expected, not {kind_of(value)}")
    found: dict[str, ExpectedHeader] = {}
    for name, content in value.items():
        if not isinstance(name, str) or not TOKEN.fullmatch(name):
            raise UnfitError("expected the name of a header: letters, digits and dashes", (name,))
        if name.lower() in found:
            raise UnfitError("stands twice; upper and lower case are the same in a header's name", (name,))
        found[name.lower()] = under(name, _header, name, content, context)
    return found


def _header(name: str, content: object, context: Context) -> ExpectedHeader:
    if not isinstance(content, dict):
        return ExpectedHeader(name=name, equals=text(content))
    if len(content) != 1:
        raise UnfitError(_HEADER)
    (kind, one), *_ = content.items()
    if kind == "matches":
        return ExpectedHeader(name=name, matches=under(kind, regex, one, context))
    if kind == "exists":
        return ExpectedHeader(name=name, exists=under(kind, boolean, one))
    raise UnfitError(f"unknown field{suggestion(str(kind), ('matches', 'exists'))}", (kind,))


def json(value: object, context: Context) -> tuple[ExpectedJson, ...]:
    """Read what paths must find in the body."""
    if not isinstance(value, list) or not value:
        raise UnfitError("expected a list of at least one path such as {path: $.status, equals: ok}")
    return tuple(under(place, _json, one, context) for place, one in enumerate(value))


def _json(value: object, context: Context) -> ExpectedJson:
    context.look_at_clock()
    if not isinstance(value, dict):
        raise UnfitError(f"expected a mapping such as {{path: $.status, equals: ok}}, not {kind_of(value)}")
    for name in value:
        if name not in ("path", *_KINDS_OF_JSON):
            raise UnfitError(f"unknown field{suggestion(str(name), ('path', *_KINDS_OF_JSON))}", (name,))
    if "path" not in value:
        raise UnfitError("missing", ("path",))
    if sum(kind in value for kind in _KINDS_OF_JSON) != 1:
        raise UnfitError(f"expected path and one of {', '.join(_KINDS_OF_JSON)}")
    path = under("path", _path, value["path"])
    for name in _COMPARISONS:
        if name in value:
            bound: Any = under(name, number, value[name])
            return ExpectedJson(path=path, **{name: bound})
    if "equals" in value:
        return ExpectedJson(path=path, equals=json_value(value["equals"], path=("equals",)))
    if "matches" in value:
        return ExpectedJson(path=path, matches=under("matches", regex, value["matches"], context))
    return ExpectedJson(path=path, exists=under("exists", boolean, value["exists"]))


def _path(value: object) -> str:
    path = text(value)
    if not path.startswith("$"):
        raise UnfitError("expected a JSON path that begins with $, such as $.status")
    if len(path) > _LONGEST_PATH:
        raise UnfitError(f"expected a JSON path of at most {_LONGEST_PATH:,} characters")
    problem = _path_problem(path)
    if problem:
        raise UnfitError(problem)
    return path


@kept(4 << 20)
def _path_problem(path: str) -> str | None:
    try:
        return excess(path)
    except JSONPathError as exc:
        return f"not a valid JSON path (RFC 9535): {exc.message}"
    except (ValueError, OverflowError):
        return "not a valid JSON path (RFC 9535): a place or a number is out of range"
    except RecursionError:
        return "not a valid JSON path (RFC 9535): nested too deeply"


def max_latency_s(value: object, _: Context) -> float:
    """Read how long a check may take before the site counts as slow, in seconds."""
    found_s = duration_s(value)
    if not 0.001 <= found_s <= LONGEST_TIMEOUT_S:
        raise UnfitError(f"expected a latency of more than 0, and at most {LONGEST_TIMEOUT_S:.0f}s")
    return found_s


def records(value: object, _: Context) -> tuple[str, ...]:
    """Read the records that a name server must answer with, as they are written in a zone file, without quotes."""
    if not isinstance(value, list) or not value:
        raise UnfitError("expected a list of at least one record")
    return tuple(under(place, text, one) for place, one in enumerate(value))
