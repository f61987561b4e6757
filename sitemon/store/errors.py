"""What PostgreSQL's errors mean to us. Every psycopg2 error leaves this room as one of sitemon's.

SQLSTATE classes are those of the PostgreSQL manual, appendix A. Errors while connecting have no SQLSTATE at all;
sitemon.store.connect reads their words.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg2

from sitemon.model.errors import PoisonError, RefusedError, RetryableError, SitemonError, UnreachableError

_DATA_CLASSES: Final = frozenset({"21", "22", "23", "54"})
"""Cardinality, data, constraint, a limit of PostgreSQL: some value in the batch can never be written."""

_SETUP_CLASSES: Final = frozenset({"0A", "28", "3D", "3F", "42"})
"""Feature, authorization, no such database or schema, rights and syntax: a person has to look."""

_MISSING_RELATIONS: Final = frozenset({"3D000", "3F000", "42P01", "42704", "42883"})
_CHECK_VIOLATION: Final = "23514"


class NotProvisionedError(RetryableError):
    """The database, or our schema in it, does not exist yet."""


class MissingPartitionError(RetryableError):
    """There is no partition for a slot; `sitemon.store.maintain` makes it."""


def error_of(exc: psycopg2.Error) -> SitemonError:
    """Return our error for one of psycopg2's."""
    code, words = exc.pgcode, words_of(exc)
    if code is None:
        return UnreachableError(words)
    if code == _CHECK_VIOLATION and exc.diag.constraint_name is None:
        return MissingPartitionError(words)
    if code in _MISSING_RELATIONS:
        return NotProvisionedError(words)
    if code[:2] in _DATA_CLASSES:
        return PoisonError("refused_by_database", words)
    if code[:2] in _SETUP_CLASSES:
        return RefusedError(words)
    return UnreachableError(words)


def words_of(exc: psycopg2.Error) -> str:
    """Return the server's words in one line, without the detail, which may quote values of rows."""
    lines = (exc.diag.message_primary or str(exc)).strip().splitlines()
    return lines[0] if lines else type(exc).__name__


@contextmanager
def translated() -> Iterator[None]:
    """Let psycopg2's errors, and those of values that it cannot send, leave as sitemon's.

    Raises:
        UnreachableError: the connection broke, or the server cannot do it now.
        NotProvisionedError, MissingPartitionError: something that we make is not there.
        RefusedError: the server does not let us.
        PoisonError: a value can never be written.

    """
    try:
        yield
    except psycopg2.InterfaceError as exc:
        # Undoing on a lost connection fails in its turn, and would hide the server's last words.
        lost = exc.__context__
        raise error_of(lost if isinstance(lost, psycopg2.Error) else exc) from exc
    except psycopg2.Error as exc:
        raise error_of(exc) from exc
    except UnicodeEncodeError as exc:
        raise PoisonError("not_text", "a text holds half of a surrogate pair") from exc
    except ValueError as exc:
        # psycopg2 refuses NUL in a text by a plain ValueError.
        raise PoisonError("not_text", str(exc)) from exc
