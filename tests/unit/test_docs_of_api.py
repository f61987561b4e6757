"""docs/api.md names every route of the API, and no other; its description and it, every status of a refusal."""

import ast
import re
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.routing import Mount

from sitemon.web.api.app import PREFIX
from sitemon.web.app import create_app

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "api.md").read_text()
ROW = re.compile(r"^\| `([A-Z]+) (/\S+)` \|", re.MULTILINE)
STATUSES = re.compile(r"^\| (\d{3}(?:, \d{3})*) \|", re.MULTILINE)
RAISED = {"Problem", "HTTPException"}
BY_THE_ROUTER = {404, 405}
"""Of an address or a method that the API does not have: no operation answers so."""


def paths() -> dict[str, dict[str, Any]]:
    """Return what the description says of every operation."""

    def connect() -> None:
        raise AssertionError

    app = create_app(connect=connect)  # type: ignore[arg-type]  # nobody connects
    [api] = [route for route in app.routes if isinstance(route, Mount) and route.path == PREFIX]
    assert isinstance(api.app, FastAPI)
    found: dict[str, dict[str, Any]] = api.app.openapi()["paths"]
    return found


def routes() -> set[tuple[str, str]]:
    """Return method and path of every route of the API."""
    return {(method.upper(), PREFIX + path) for path, methods in paths().items() for method in methods}


def described() -> set[int]:
    """Return with which statuses an operation may refuse."""
    operations = [operation for methods in paths().values() for operation in methods.values()]
    return {int(status) for operation in operations for status in operation["responses"] if int(status) >= 400}


def told() -> set[int]:
    """Return the statuses of the table of refusals."""
    return {int(status) for row in STATUSES.findall(PAGE) for status in row.split(", ")}


def raised() -> set[int]:
    """Return the statuses that our code refuses with."""
    nodes = [
        node for file in (PROJECT / "sitemon" / "web").rglob("*.py") for node in ast.walk(ast.parse(file.read_text()))
    ]
    calls = [node for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", "") in RAISED]
    firsts = [call.args[0] for call in calls]
    return {first.value for first in firsts if isinstance(first, ast.Constant) and isinstance(first.value, int)}


def test_its_table_is_the_routes_that_there_are() -> None:
    listed = ROW.findall(PAGE)
    assert len(listed) == len(set(listed))
    assert set(listed) == routes()


def test_each_status_of_a_refusal_is_described_and_in_its_table() -> None:
    assert {401, 404, 409, 413, 422, 429, 500, 503} <= raised()
    assert raised() <= described()
    assert told() == described() | BY_THE_ROUTER


def test_what_takes_a_body_may_find_it_too_long() -> None:
    takers = [one for methods in paths().values() for one in methods.values() if "requestBody" in one]
    assert len(takers) == 2
    assert all("413" in one["responses"] for one in takers)
