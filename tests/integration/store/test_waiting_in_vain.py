"""Who has to be alone, while transactions of recorders take long and overlap, waits once and ends with one error."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.store.connect import Connection
from sitemon.store.errors import LockTimeoutError
from sitemon.store.maintenance_windows import Declaration, declare, read_windows, stop
from sitemon.store.names import Names
from sitemon.store.rebuild import rebuild
from sitemon.store.write import write_batch
from tests.databases import rows
from tests.overlapping import overlapping_batches
from tests.results import MINUTE, a_result, this_hour

WINDOW = Declaration(this_hour(), this_hour() + timedelta(days=1), ["shop"])
ACTS: dict[str, Callable[[Connection], object]] = {
    "declare": lambda conn: declare(conn, WINDOW),
    "stop": lambda conn: stop(conn, _number(conn), this_hour() + MINUTE, withdraw=False),
    "withdraw": lambda conn: stop(conn, _number(conn), this_hour() + MINUTE, withdraw=True),
    "rebuild": lambda conn: rebuild(conn, this_hour(), lambda _: None),
}
HELD = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'"


def _number(conn: Connection) -> int:
    [window] = read_windows(conn, this_hour(), 100)
    return window.maintenance_id


@pytest.mark.parametrize("act", ACTS)
def test_it_is_one_error_and_can_be_done_again(
    conn: Connection, names: Names, postgres_server: PostgresServer, owner: Credentials, act: str
) -> None:
    write_batch(conn, names, [a_result("shop", minute=minute) for minute in range(3)])
    if act in {"stop", "withdraw"}:
        declare(conn, WINDOW)
    before = read_windows(conn, this_hour(), 100)
    with overlapping_batches(postgres_server, owner), pytest.raises(LockTimeoutError):
        ACTS[act](conn)
    assert read_windows(conn, this_hour(), 100) == before
    assert rows(conn, HELD) == [(0,)]
    ACTS[act](conn)
