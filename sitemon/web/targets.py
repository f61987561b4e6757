"""Targets of requests: they are taken apart on the event loop, whoever asks, so that none may hold very much."""

from typing import Final

from starlette.types import ASGIApp, Scope

from sitemon.web.problems import Problem, response_of

LONGEST_BYTES: Final = 8_192
"""RFC 9112, 3 recommends 8,000 at least. Names of sites, regions and labels of usual lengths take a tenth of that."""
MOST_FIELDS: Final = 100
"""A label may be asked for twenty times; of all else there are fewer than ten."""


def is_bounded(path: bytes, query: bytes) -> bool:
    """Tell whether a target is neither longer, nor its query of more fields, than any of ours."""
    return len(path) + len(query) < LONGEST_BYTES and query.count(b"&") < MOST_FIELDS


def refusal_of_target(scope: Scope) -> ASGIApp | None:
    """Refuse what asks with more."""
    if is_bounded(scope["raw_path"], scope["query_string"]):
        return None
    return response_of(Problem(414, f"expected at most {LONGEST_BYTES} bytes and {MOST_FIELDS} fields"))
