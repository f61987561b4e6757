"""What PostgreSQL's errors mean to us. Every psycopg2 error leaves this room as one of sitemon's.

SQLSTATE classes are those of the PostgreSQL manual, appendix A. Errors while connecting have no SQLSTATE at all;
sitemon.store.connect reads their words.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import psycopg2

from sitemon.model.errors import PoisonError, RefusedError, RetryableError, SitemonError, UnreachableError

_DECISIONS: Final[Mapping[str, type[SitemonError]]] = {
    # Some value in the batch can never be written: cardinality, data, constraint, check option, a limit of PostgreSQL.
    **dict.fromkeys(("21", "22", "23", "44", "54"), PoisonError),
    # A person has to look: rights, roles and syntax; a database or schema that is not there; somebody's own trigger,
    # function, foreign table or configuration file.
    **dict.fromkeys(("28", "42", "3D", "3F", "0A", "0L", "0P", "2B", "F0"), RefusedError),
    **dict.fromkeys(("09", "0F", "0Z", "10", "20", "27", "2F", "38", "39", "HV", "P0"), RefusedError),
    # It passes, at the latest with another connection: connection, resources, operator, system, rolled back, a lock
    # that was not to be had, read-only mode (25), an internal error, and what is no error at all.
    **dict.fromkeys(("08", "53", "57", "58", "40", "55", "25", "XX"), UnreachableError),
    **dict.fromkeys(("0B", "24", "26", "2D", "34", "3B", "72", "00", "01", "02", "03"), UnreachableError),
}
"""What follows from the first two characters of an SQLSTATE. A class that is not here is tried again too."""

_CHECK_VIOLATION: Final = "23514"
_GIVES_NUMBERS: Final = frozenset(("GetNewTransactionId", "GetNewMultiXactId"))
"""Where PostgreSQL has no number left for a transaction, until it has vacuumed. By its state it is a limit of a row."""
_COPIED_LINE: Final = re.compile(r"COPY incoming, line (\d+)")


class NotProvisionedError(RetryableError):
    """The database, or our schema in it, does not exist yet."""


class RolledBackError(RetryableError):
    """PostgreSQL undid the transaction: it and another one waited for each other. To do it again at once is right."""


class CanceledError(UnreachableError):
    """PostgreSQL ended a statement, above all one that took longer than it may."""


class LockTimeoutError(UnreachableError):
    """Another transaction held a lock for longer than we wait for it."""


class MissingPartitionError(RetryableError):
    """There is no partition for a slot; `sitemon.store.maintain` makes it."""


class BadRowError(PoisonError):
    """A result of the batch can never be written; `row` is its place among the batch's results, from 0 on."""

    def __init__(self, reason: str, detail: str, row: int) -> None:
        super().__init__(reason, detail)
        self.row = row


_OF_STATES: Final[Mapping[str, type[SitemonError]]] = {
    # Every insert of ours minds the keys that it sees: this one was made by another recorder at the same moment.
    "23505": UnreachableError,
    "57014": CanceledError,
    "55P03": LockTimeoutError,
    **dict.fromkeys(("40001", "40P01"), RolledBackError),
    **dict.fromkeys(("3D000", "3F000", "42P01", "42704", "42883"), NotProvisionedError),
}
"""What follows from single states, unlike from their classes."""


def error_of(exc: psycopg2.Error) -> SitemonError:
    """Return our error for one of psycopg2's."""
    code, words = exc.pgcode, words_of(exc)
    if code is None:
        return UnreachableError(words)
    if code == _CHECK_VIOLATION and exc.diag.constraint_name is None:
        return MissingPartitionError(words)
    if exc.diag.source_function in _GIVES_NUMBERS:
        return UnreachableError(words)
    decision = _OF_STATES.get(code) or _DECISIONS.get(code[:2], UnreachableError)
    return _poison(exc, words) if decision is PoisonError else decision(words)


def _poison(exc: psycopg2.Error, words: str) -> PoisonError:
    line = _COPIED_LINE.match(exc.diag.context or "")
    reason = "refused_by_database"
    return BadRowError(reason, words, int(line[1]) - 1) if line else PoisonError(reason, words)


def words_of(exc: psycopg2.Error) -> str:
    """Return the server's words in one line, without the detail, which may quote values of rows."""
    lines = (exc.diag.message_primary or str(exc)).strip().splitlines()
    return lines[0] if lines else type(exc).__name__


@contextmanager
def translated() -> Iterator[None]:
    """Let psycopg2's errors, and those of values that it cannot send, leave as sitemon's.

    Raises:
        UnreachableError: the connection broke, or the server cannot do it now.
        CanceledError: a statement took too long.
        LockTimeoutError: a lock was not to be had for too long.
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


@contextmanager
def not_of_values() -> Iterator[None]:
    """Let no error count as one of the values that are being written: something that is there already caused it.

    Raises:
        RefusedError: PostgreSQL cannot do it, however often it is asked; a person has to look.
        SitemonError: as `translated` says.

    """
    try:
        with translated():
            yield
    except PoisonError as exc:
        raise RefusedError(exc.detail) from exc
