"""Waiting in a thread of one's own."""

import os
import select
import threading
import types
from collections.abc import Generator
from typing import Any

import pytest

from sitemon.checks.waiting import IN_THREAD, run_here


def test_a_coroutine_runs_like_a_function() -> None:
    async def three() -> int:
        return 3

    async def fail() -> None:
        raise ValueError(await three())

    assert run_here(three()) == 3
    with pytest.raises(ValueError, match="3"):
        run_here(fail())


def test_a_coroutine_that_waits_on_a_loop_does_not_run_in_a_thread() -> None:
    @types.coroutine
    def suspended() -> Generator[None, Any, None]:
        yield

    async def wait() -> None:
        await suspended()

    with pytest.raises(RuntimeError):
        run_here(wait())


def test_a_thread_waits_for_a_socket_or_for_its_time() -> None:
    reader, writer = os.pipe()
    assert run_here(IN_THREAD.ready({reader: select.POLLIN}, 0.01)) is None
    assert run_here(IN_THREAD.ready({reader: select.POLLIN, writer: select.POLLOUT}, 5)) == writer
    os.write(writer, b"a")
    assert run_here(IN_THREAD.ready({reader: select.POLLIN}, 5)) == reader
    for end in (reader, writer):
        os.close(end)


def test_a_thread_waits_for_an_event() -> None:
    event = IN_THREAD.event()
    assert (run_here(event.wait(0.01)), event.is_set()) == (False, False)
    setter = threading.Timer(0.02, event.set)
    setter.start()
    assert (run_here(event.wait(5)), event.is_set()) == (True, True)
    setter.join()
