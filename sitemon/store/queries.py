"""The named queries of the .sql files beside this module."""

import re
from importlib import resources
from typing import Final

_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load_queries(file_name: str) -> dict[str, str]:
    """Return the queries of a file by their names; comments are dropped, so that a ``%`` in one does no harm."""
    text = (resources.files("sitemon.store") / "sql" / file_name).read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    return {name: _without_comments(body) for name, body in zip(parts[::2], parts[1::2], strict=True)}


def _without_comments(sql: str) -> str:
    return "\n".join(line for line in sql.splitlines() if not line.lstrip().startswith("--")).strip()
