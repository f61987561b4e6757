"""How often a worker looks for a Redis that is away, and how often it says so."""

from collections.abc import Iterator

import pytest
from kombu import Connection

from sitemon.worker.consumer import LOOK_EVERY_S, ensure_soon
from tests.hanging_up import HangingUp

LOOKS = 2
CALLS = 1 + LOOK_EVERY_S
"""kombu calls back after each try, and after each second of the pause that follows."""


@pytest.fixture
def server() -> Iterator[HangingUp]:
    with HangingUp() as server:
        yield server


class EnoughError(Exception):
    """The test has seen enough."""


def test_it_pauses_between_two_looks_and_complains_once(server: HangingUp) -> None:
    complaints: list[object] = []
    calls = iter(range(1, LOOKS * CALLS))

    def count() -> None:
        if next(calls, None) is None:
            raise EnoughError

    with pytest.raises(EnoughError), Connection(f"redis://127.0.0.1:{server.port}/0") as connection:
        ensure_soon(connection.ensure_connection, lambda *_: complaints.append(_), callback=count)
    assert server.visits == LOOKS
    assert len(complaints) == 1
