"""Every SQLSTATE of PostgreSQL's manual, appendix A, and what we do about it."""

from typing import Any

import psycopg2
import pytest
from psycopg2 import errorcodes, errors

from sitemon.model.errors import PoisonError, RefusedError, RetryableError, SitemonError, UnreachableError
from sitemon.store.errors import (
    BadRowError,
    CanceledError,
    LockTimeoutError,
    MissingPartitionError,
    NotProvisionedError,
    RolledBackError,
    error_of,
    translated,
)

STATES: dict[str, str] = {
    name: state for name, state in vars(errorcodes).items() if name.isupper() and not name.startswith("CLASS_")
}

RETRIED = {
    "00",
    "01",
    "02",
    "03",
    "08",
    "0B",
    "24",
    "25",
    "26",
    "2D",
    "34",
    "3B",
    "40",
    "53",
    "55",
    "57",
    "58",
    "72",
    "XX",
}
WRONG_SETUP = {
    *("09", "0A", "0F", "0L", "0P", "0Z", "10", "20", "27", "28", "2B", "2F", "38", "39", "3D", "3F", "42", "F0"),
    *("HV", "P0"),
}
BAD_RECORD = {"21", "22", "23", "44", "54"}

ROLLED_BACK = {"40001", "40P01"}
NOT_PROVISIONED = {"3D000", "3F000", "42P01", "42704", "42883"}
MISSING_PARTITION = "23514"
TOO_LONG = {"57014": CanceledError, "55P03": LockTimeoutError}
ANOTHER_RECORDER_S = "23505"


class FromServer(psycopg2.Error):
    """An error as the server sends it; psycopg2's own cannot be given a state."""

    def __init__(
        self,
        state: str | None,
        constraint: str | None = None,
        context: str | None = None,
        source_function: str | None = None,
    ) -> None:
        super().__init__("the server's words")
        self.state = state
        self.constraint = constraint
        self.context = context
        self.source_function = source_function

    @property
    def pgcode(self) -> str | None:  # type: ignore[override] # read-only in psycopg2 too
        return self.state

    @property
    def diag(self) -> Any:  # type: ignore[override] # read-only in psycopg2 too
        return self

    @property
    def message_primary(self) -> str:
        return "the server's words"

    @property
    def constraint_name(self) -> str | None:
        return self.constraint


def test_the_list_is_the_manual_s() -> None:
    assert len(set(STATES.values())) > 250


def test_each_class_has_one_decision() -> None:
    classes = {state for name, state in vars(errorcodes).items() if name.startswith("CLASS_")}
    assert classes == RETRIED | WRONG_SETUP | BAD_RECORD
    assert len(RETRIED) + len(WRONG_SETUP) + len(BAD_RECORD) == len(classes)


def expected(state: str) -> type[SitemonError]:
    if state in ROLLED_BACK:
        return RolledBackError
    if state in TOO_LONG:
        return TOO_LONG[state]
    if state in NOT_PROVISIONED:
        return NotProvisionedError
    if state == MISSING_PARTITION:
        return MissingPartitionError
    if state[:2] in BAD_RECORD and state != ANOTHER_RECORDER_S:
        return PoisonError
    return RefusedError if state[:2] in WRONG_SETUP else UnreachableError


@pytest.mark.parametrize(("name", "state"), sorted(STATES.items()))
def test_every_state_has_its_decision(name: str, state: str) -> None:
    assert type(error_of(FromServer(state))) is expected(state), name


@pytest.mark.parametrize(
    "name",
    [
        "CONNECTION_FAILURE",
        "TOO_MANY_CONNECTIONS",
        "DISK_FULL",
        "OUT_OF_MEMORY",
        "ADMIN_SHUTDOWN",
        "CRASH_SHUTDOWN",
        "CANNOT_CONNECT_NOW",
        "QUERY_CANCELED",
        "READ_ONLY_SQL_TRANSACTION",
        "DEADLOCK_DETECTED",
        "SERIALIZATION_FAILURE",
        "LOCK_NOT_AVAILABLE",
        "IO_ERROR",
    ],
)
def test_what_passes_is_retried(name: str) -> None:
    assert isinstance(error_of(FromServer(STATES[name])), RetryableError)


def test_a_failed_check_of_a_column_is_a_bad_record_and_no_missing_partition() -> None:
    assert isinstance(error_of(FromServer(MISSING_PARTITION, "schedule_event_interval_ms_check")), PoisonError)


def test_a_bad_record_says_in_which_row_it_is_where_postgresql_does() -> None:
    error = error_of(FromServer("22021", context="COPY incoming, line 4000, column error"))
    assert isinstance(error, BadRowError)
    assert error.row == 3_999


def test_that_no_transaction_gets_a_number_is_said_of_no_record() -> None:
    for function in ("GetNewTransactionId", "GetNewMultiXactId"):
        assert type(error_of(FromServer("54000", source_function=function))) is UnreachableError


def test_a_class_that_nobody_knows_yet_is_tried_again() -> None:
    assert type(error_of(FromServer("ZZ123"))) is UnreachableError


def test_an_error_without_a_state_is_a_lost_connection() -> None:
    assert type(error_of(FromServer(None))) is UnreachableError


@pytest.mark.parametrize(
    ("exc", "reason"),
    [
        (ValueError("A string literal cannot contain NUL (0x00) characters."), "not_text"),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), "not_text"),
    ],
    ids=["NUL", "lone surrogate"],
)
def test_a_text_that_cannot_be_sent_is_a_bad_record(exc: Exception, reason: str) -> None:
    with pytest.raises(PoisonError) as caught, translated():
        raise exc
    assert caught.value.reason == reason


def lose_connection_twice() -> None:
    try:
        raise FromServer("57P01")
    finally:
        raise psycopg2.InterfaceError("connection already closed")


def test_what_a_lost_connection_said_last_is_not_hidden_by_what_failed_after_it() -> None:
    with pytest.raises(UnreachableError, match="the server's words"), translated():
        lose_connection_twice()


def test_psycopg2_s_own_classes_are_translated() -> None:
    with pytest.raises(UnreachableError), translated():
        raise errors.AdminShutdown
