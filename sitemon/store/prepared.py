"""Queries that a connection parses and plans once (PREPARE), for those that are asked many times a second.

Over our views, to plan one of a few rows takes longer than to run it. Where `plan_cache_mode` is `force_generic_plan`
the plan is for any values, and leaves out the partitions that they exclude when it is run.
"""

import logging
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from weakref import WeakKeyDictionary, WeakSet

import psycopg2
from psycopg2.errors import DuplicatePreparedStatement, InvalidSqlStatementName
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.store.connect import Connection
from sitemon.store.errors import words_of
from sitemon.store.queries import load_queries

log = logging.getLogger(__name__)

_NO_VALUES: Final[Mapping[str, object]] = MappingProxyType({})
_VALUE: Final = re.compile(r"%\((\w+)\)s")
_prepared: Final[WeakKeyDictionary[Connection, set[str]]] = WeakKeyDictionary()
_told_of: Final[WeakSet[Connection]] = WeakSet()


class Prepared:
    """A query by its name, which tells it from all others of a connection."""

    def __init__(self, name: str, query: str) -> None:
        values = list(dict.fromkeys(_VALUE.findall(query)))
        given = ", ".join(f"%({value})s" for value in values)
        self._name = name
        self._prepare = f"PREPARE {name} AS {_VALUE.sub(lambda found: f'${values.index(found[1]) + 1}', query)}"
        self._execute = f"EXECUTE {name} ({given})" if given else f"EXECUTE {name}"

    def execute(self, cursor: Cursor, values: Mapping[str, object] = _NO_VALUES, setting: str = "") -> None:
        """Run it, as `cursor.execute` does, by a `setting` of PostgreSQL's, which holds for this transaction.

        A pooler may give each transaction another session, in which it is not prepared, or somebody else's is: then it
        is prepared anew. Within a transaction that cannot be.
        """
        known = _prepared.setdefault(cursor.connection, set())
        # One message is one transaction.
        execute = f"SET LOCAL {setting}; {self._execute}" if setting else self._execute
        try:
            if self._name not in known:
                cursor.execute(self._prepare)
                known.add(self._name)
            cursor.execute(execute, values)
        except (InvalidSqlStatementName, DuplicatePreparedStatement) as exc:
            if not cursor.connection.autocommit:
                raise
            _tell(cursor.connection, exc)
            known.add(self._name)
            self._execute_anew(cursor, cursor.mogrify(execute, values))

    def _execute_anew(self, cursor: Cursor, run: bytes) -> None:
        """Prepare it and run it in one message: that is one transaction, and so one session."""
        cursor.execute(b"; ".join((b"DEALLOCATE ALL", self._prepare.encode(), run)))


def _tell(conn: Connection, exc: psycopg2.Error) -> None:
    if conn not in _told_of:
        _told_of.add(conn)
        log.warning("store.pooled: %s: is there a pooler between, with a pool_mode other than session?", words_of(exc))


def load_prepared(file_name: str) -> dict[str, Prepared]:
    """Return the queries of a file by their names."""
    room = file_name.removesuffix(".sql")
    return {name: Prepared(f"{room}_{name}", query) for name, query in load_queries(file_name).items()}
