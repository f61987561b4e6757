"""The schema: the sum of the numbered files in ``sql/migrations``.

Each file runs in one transaction together with the record that it ran. An advisory lock lets one process at a time
migrate a database; a second one waits, and finds nothing left to do.
"""

import re
from dataclasses import dataclass
from importlib import resources
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.errors import FatalError
from sitemon.store.connect import Connection
from sitemon.store.errors import NotProvisionedError, translated
from sitemon.store.queries import load_queries

_sql: Final = load_queries("migrate.sql")

FILE_NAME: Final = re.compile(r"(\d{4})_[a-z0-9]+(?:_[a-z0-9]+)*\.sql")
"""Number and words: ``0001_tables.sql``."""


@dataclass(frozen=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    sql: str


def migrations() -> tuple[Migration, ...]:
    """Return all migrations in their order.

    Raises:
        FatalError: a file's name is not a number and words.

    """
    folder = resources.files("sitemon.store") / "sql" / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(_migration(file.name, file.read_text(encoding="utf-8")) for file in files)


def _migration(file_name: str, sql: str) -> Migration:
    match = FILE_NAME.fullmatch(file_name)
    if match is None:
        raise FatalError(f"{file_name} is not a name of a migration, such as 0001_tables.sql")
    return Migration(int(match[1]), file_name.removesuffix(".sql"), sql)


def migrate(conn: Connection) -> tuple[Migration, ...]:
    """Run the migrations that the database lacks and return them; rights of readers are granted anew each time.

    Raises:
        RefusedError: the connection's role may not.
        UnreachableError: the connection broke, or a lock was not to be had in time; what had run is kept.

    """
    with translated():
        with conn, conn.cursor() as cursor:
            cursor.execute(_sql["wait_for_other_migrations"])
            cursor.execute(_sql["make_schema"])
        ran = tuple(migration for migration in migrations() if _run(conn, migration))
        with conn, conn.cursor() as cursor:
            # Two that grant at once would update the same rows of the catalogue, which PostgreSQL refuses.
            cursor.execute(_sql["wait_for_other_migrations"])
            cursor.execute(_sql["grant_to_reader"])
    return ran


def pending(conn: Connection) -> tuple[Migration, ...]:
    """Return the migrations that the database lacks; all of them when our schema is not there."""
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["is_provisioned"])
        row = cursor.fetchone()
        applied = _applied(cursor) if row and row[0] else set()
    return tuple(migration for migration in migrations() if migration.number not in applied)


def require_schema(conn: Connection) -> None:
    """Look whether the schema is that of this version.

    Raises:
        NotProvisionedError: it lacks a migration.
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    missing = pending(conn)
    if missing:
        raise NotProvisionedError(f"its schema lacks {missing[0].name}: run `sitemon provision` or `sitemon migrate`")


def _run(conn: Connection, migration: Migration) -> bool:
    with conn, conn.cursor() as cursor:
        cursor.execute(_sql["wait_for_other_migrations"])
        if migration.number in _applied(cursor):
            return False
        cursor.execute(migration.sql)
        cursor.execute(_sql["record_migration"], {"number": migration.number, "name": migration.name})
        return True


def _applied(cursor: Cursor) -> set[int]:
    cursor.execute(_sql["applied_migrations"])
    return {number for (number,) in cursor.fetchall()}
