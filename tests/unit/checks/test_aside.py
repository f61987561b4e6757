"""What OpenSSL takes long for is done in another thread."""

import threading

import pytest

from sitemon.checks.errors import OwnError
from sitemon.checks.net.aside import done_aside
from sitemon.checks.waiting import IN_THREAD, run_here

LONG_S = 10.0


def test_it_is_done_in_a_thread_of_its_own() -> None:
    name = run_here(done_aside("", "ca.pem", lambda: threading.current_thread().name, IN_THREAD, LONG_S))
    assert name == "sitemon-aside"


def test_what_it_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        run_here(done_aside("", "ca.pem", lambda: 1 / 0, IN_THREAD, LONG_S))
    assert run_here(done_aside("", "ca.pem", lambda: 1, IN_THREAD, LONG_S)) == 1


def test_who_waited_for_others_in_vain_is_told_that_it_is_ours_and_nothing_is_done() -> None:
    gate, has_begun, done = threading.Event(), threading.Event(), list[str]()

    def hold() -> None:
        has_begun.set()
        gate.wait(LONG_S)

    holder = threading.Thread(target=lambda: run_here(done_aside("", "dear.pem", hold, IN_THREAD, LONG_S)))
    holder.start()
    assert has_begun.wait(LONG_S)
    with pytest.raises(OwnError, match="too many certificates to look at"):
        run_here(done_aside("", "ca.pem", lambda: done.append("in vain"), IN_THREAD, 0.01))
    gate.set()
    holder.join(LONG_S)
    run_here(done_aside("", "ca.pem", lambda: done.append("then"), IN_THREAD, LONG_S))
    assert done == ["then"]
