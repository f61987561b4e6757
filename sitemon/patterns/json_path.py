"""Finding values in a JSON document by RFC 9535 paths.

The regexes in a path, in ``match()`` and ``search()``, run on RE2 as all others: the library's own would backtrack.
"""

import functools
import math
from collections.abc import Iterable, Iterator
from typing import Any, Final

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError
from jsonpath.filter import BaseExpression, FilterQuery, FunctionExtension, RootFilterQuery, StringLiteral, walk
from jsonpath.function_extensions import ExpressionType, FilterFunction
from jsonpath.segments import JSONPathChildSegment, JSONPathRecursiveDescentSegment
from jsonpath.selectors import Filter
from jsonpath.token import TOKEN_FILTER, TOKEN_LBRACKET, TOKEN_RBRACKET, TOKEN_WHITESPACE

from sitemon.patterns import regex

__all__ = ["JSONPathError", "excess", "looks_once", "values_at"]

_MOST_TOKENS: Final = 100
"""Of each the library makes objects, which stay, and what is nested calls itself."""
_DEEPEST_FILTER: Final = 3
"""To read one in the other takes the square of the depth."""
_MOST_DESCENTS: Final = 2
_MOST_BRANCHES: Final = 1_000


class _Search(FilterFunction):
    """The function ``search()``: RFC 9535, 2.4.7."""

    arg_types = [ExpressionType.VALUE, ExpressionType.VALUE]  # noqa: RUF012 - as the base class has it
    return_type = ExpressionType.LOGICAL

    def __call__(self, value: object, pattern: object) -> bool:
        if not isinstance(value, str) or not isinstance(pattern, str):
            return False
        try:
            return self.is_found(regex.compiled(pattern), value)
        except ValueError:
            return False  # so says the RFC of a pattern that is none

    def is_found(self, compiled: Any, value: str) -> bool:
        """Tell whether the regex occurs in the value."""
        return compiled.search(value) is not None


class _Match(_Search):
    """The function ``match()``: RFC 9535, 2.4.6."""

    def is_found(self, compiled: Any, value: str) -> bool:
        """Tell whether the regex is all of the value."""
        return compiled.fullmatch(value) is not None


class _Environment(JSONPathEnvironment):
    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        self.function_extensions |= {"search": _Search(), "match": _Match()}


_environment: Final = _Environment(strict=True)


def values_at(path: str, document: Any) -> Iterator[Any]:
    """Yield the values that the path finds in a document of plain JSON types, in the document's order.

    Raises:
        JSONPathError: it is not a path, or the document is nested too deeply for it.

    """
    query = _compiled(path)
    if isinstance(document, str):  # which the library would take for a document that is not parsed yet
        yield from () if query.segments else (document,)
        return
    found = _compiled("$").finditer(document)
    for segment in query.segments:
        # One generator, not one in the other: freed, a long chain of them takes all of the thread's stack.
        found = segment.resolve([*found])
    for one in found:
        yield one.obj


def looks_once(path: str) -> bool:
    """Tell whether the path comes to no value twice: each of its segments has one selector, none ``..`` or a filter.

    Raises:
        JSONPathError: it is not a path.

    """
    return all(
        isinstance(segment, JSONPathChildSegment)
        and len(segment.selectors) == 1
        and not isinstance(segment.selectors[0], Filter)
        for segment in _compiled(path).segments
    )


def excess(path: str) -> str | None:
    """Say why the path could take very long in a small document, or much memory, or None if it can do neither.

    Its parts are counted before it is compiled, and nothing of it is kept. Each ``..`` may come to every value again
    for each value that the last one found, and so may a query that begins with ``$`` in a filter; selectors beside each
    other multiply. A regex that stands in the document is its server's.

    Raises:
        JSONPathError: it is not a path.

    """
    kinds = [token.kind for token in _environment.lexer.tokenize(path) if token.kind != TOKEN_WHITESPACE]
    if len(kinds) > _MOST_TOKENS:
        return f"expected at most {_MOST_TOKENS} names, signs and values"
    if _depth_of_filters(kinds) > _DEEPEST_FILTER:
        return f"expected filters in filters at most {_DEEPEST_FILTER} deep"
    query = _compile(path)
    inside = tuple(_in_filters(query))
    queries = (query, *(one.path for one in inside if isinstance(one, FilterQuery)))
    segments = [segment for one in queries for segment in one.segments]
    descents = sum(isinstance(segment, JSONPathRecursiveDescentSegment) for segment in segments)
    descents += sum(isinstance(one, RootFilterQuery) and not one.path.singular_query() for one in inside)
    if descents > _MOST_DESCENTS:
        return f"expected at most {_MOST_DESCENTS} places at which it looks everywhere (.. or, in a filter, $)"
    if math.prod(len(segment.selectors) for segment in segments) > _MOST_BRANCHES:
        return f"expected at most {_MOST_BRANCHES:,} ways by its selectors"
    searches = (one for one in inside if isinstance(one, FunctionExtension) and one.name in {"match", "search"})
    return next(filter(None, map(_problem_of_regex, searches)), None)


def _depth_of_filters(kinds: Iterable[str]) -> int:
    deepest, opened = 0, [False]
    for kind in kinds:
        if kind == TOKEN_LBRACKET:
            opened.append(False)
        elif kind == TOKEN_FILTER:
            opened[-1] = True
            deepest = max(deepest, sum(opened))
        elif kind == TOKEN_RBRACKET and len(opened) > 1:
            opened.pop()
    return deepest


def _in_filters(query: JSONPath) -> Iterator[BaseExpression]:
    for segment in query.segments:
        for selector in segment.selectors:
            if isinstance(selector, Filter):
                yield from walk(selector.expression)


def _problem_of_regex(search: FunctionExtension) -> str | None:
    pattern = search.args[1]
    if not isinstance(pattern, StringLiteral):
        return "expected a regex in quotes as the second argument of match and search"
    try:
        return regex.excess(pattern.value)
    except ValueError as exc:
        return f"not a valid regex: {exc}"


@functools.lru_cache(maxsize=1_024)
def _compiled(path: str) -> JSONPath:
    return _compile(path)


def _compile(path: str) -> JSONPath:
    query = _environment.compile(path)
    assert isinstance(query, JSONPath)  # noqa: S101 - strict paths have no unions
    return query
