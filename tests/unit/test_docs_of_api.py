"""docs/api.md names every route of the API, and no other."""

import re
from pathlib import Path

from fastapi import FastAPI
from starlette.routing import Mount

from sitemon.web.api.app import PREFIX
from sitemon.web.app import create_app

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
ROW = re.compile(r"^\| `([A-Z]+) (/\S+)` \|", re.MULTILINE)


def routes() -> set[tuple[str, str]]:
    """Return method and path of every route of the API."""

    def connect() -> None:
        raise AssertionError

    app = create_app(connect=connect)  # type: ignore[arg-type]  # nobody connects
    [api] = [route for route in app.routes if isinstance(route, Mount) and route.path == PREFIX]
    assert isinstance(api.app, FastAPI)
    paths = api.app.openapi()["paths"]
    return {(method.upper(), PREFIX + path) for path, methods in paths.items() for method in methods}


def test_its_table_is_the_routes_that_there_are() -> None:
    told = ROW.findall(PAGE)
    assert len(told) == len(set(told))
    assert set(told) == routes()
