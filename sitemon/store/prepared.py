"""Queries that a connection parses and plans once (PREPARE), for those that are asked many times a second.

Over our views, to plan one of a few rows takes longer than to run it. Where `plan_cache_mode` is `force_generic_plan`
the plan is for any values, and leaves out the partitions that they exclude when it is run.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from weakref import WeakKeyDictionary

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.store.connect import Connection
from sitemon.store.queries import load_queries

_NO_VALUES: Final[Mapping[str, object]] = MappingProxyType({})
_VALUE: Final = re.compile(r"%\((\w+)\)s")
_prepared: Final[WeakKeyDictionary[Connection, set[str]]] = WeakKeyDictionary()


class Prepared:
    """A query by its name, which tells it from all others of a connection."""

    def __init__(self, name: str, query: str) -> None:
        values = list(dict.fromkeys(_VALUE.findall(query)))
        given = ", ".join(f"%({value})s" for value in values)
        self._name = name
        self._prepare = f"PREPARE {name} AS {_VALUE.sub(lambda found: f'${values.index(found[1]) + 1}', query)}"
        self._execute = f"EXECUTE {name} ({given})" if given else f"EXECUTE {name}"

    def execute(self, cursor: Cursor, values: Mapping[str, object] = _NO_VALUES) -> None:
        """Run it, as `cursor.execute` does."""
        known = _prepared.setdefault(cursor.connection, set())
        if self._name not in known:
            cursor.execute(self._prepare)
            known.add(self._name)
        cursor.execute(self._execute, values)


def load_prepared(file_name: str) -> dict[str, Prepared]:
    """Return the queries of a file by their names."""
    room = file_name.removesuffix(".sql")
    return {name: Prepared(f"{room}_{name}", query) for name, query in load_queries(file_name).items()}
