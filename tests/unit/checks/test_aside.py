"""What OpenSSL takes long for is done in another thread."""

import threading
from collections.abc import Iterator

import pytest

from sitemon.checks.errors import OwnError, TooLongError
from sitemon.checks.net import aside
from sitemon.checks.net.aside import done_aside
from sitemon.checks.waiting import IN_THREAD, run_here
from sitemon.clock import monotonic_s

LONG_S = 10.0


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """The thread is held until this is set."""
    gate, has_begun = threading.Event(), threading.Event()

    def hold() -> None:
        has_begun.set()
        gate.wait(LONG_S)

    holder = threading.Thread(target=lambda: run_here(done_aside("", "dear.pem", hold, IN_THREAD, LONG_S)))
    holder.start()
    assert has_begun.wait(LONG_S)
    yield gate
    gate.set()
    holder.join(LONG_S)


def test_it_is_done_in_a_thread_of_its_own() -> None:
    name = run_here(done_aside("", "ca.pem", lambda: threading.current_thread().name, IN_THREAD, LONG_S))
    assert name == "sitemon-aside"


def test_what_it_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        run_here(done_aside("", "ca.pem", lambda: 1 / 0, IN_THREAD, LONG_S))
    assert run_here(done_aside("", "ca.pem", lambda: 1, IN_THREAD, LONG_S)) == 1


def test_who_waited_for_others_in_vain_is_told_that_it_is_ours_and_nothing_is_done(gate: threading.Event) -> None:
    done: list[str] = []
    with pytest.raises(OwnError, match="too many certificates to look at"):
        run_here(done_aside("", "ca.pem", lambda: done.append("in vain"), IN_THREAD, 0.01))
    gate.set()
    run_here(done_aside("", "ca.pem", lambda: done.append("then"), IN_THREAD, LONG_S))
    assert done == ["then"]


def test_no_time_of_a_check_passes_before_its_turn_and_what_is_done_for_it_takes_some(gate: threading.Event) -> None:
    began_s, began_own_s = monotonic_s(), IN_THREAD.now_s()
    with pytest.raises(OwnError):
        run_here(done_aside("", "ca.pem", bool, IN_THREAD, 0.3))
    threading.Timer(0.3, gate.set).start()
    run_here(done_aside("", "ca.pem", lambda: threading.Event().wait(0.3), IN_THREAD, LONG_S))
    assert monotonic_s() - began_s > 0.9
    assert 0.3 <= IN_THREAD.now_s() - began_own_s < 0.6


def test_whose_turn_comes_late_has_all_of_its_time(gate: threading.Event) -> None:
    threading.Timer(0.5, gate.set).start()
    assert run_here(done_aside("", "ca.pem", lambda: threading.Event().wait(0.5) or "done", IN_THREAD, 0.8)) == "done"


def test_what_takes_longer_than_the_check_has_is_not_waited_for_and_says_nothing_of_the_site() -> None:
    with pytest.raises(OwnError):
        run_here(done_aside("", "ca.pem", lambda: threading.Event().wait(0.2), IN_THREAD, 0.01))


def test_unless_it_took_too_much_cpu_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "TOO_LONG_S", 0.001)
    is_over = threading.Event()

    def compute() -> None:
        while not is_over.is_set():
            pass

    try:
        with pytest.raises(TooLongError):
            run_here(done_aside("", "ca.pem", compute, IN_THREAD, 0.5))
    finally:
        is_over.set()


def test_who_has_no_patience_does_not_wait_for_a_turn(gate: threading.Event) -> None:
    assert not gate.is_set()
    with pytest.raises(OwnError):
        run_here(done_aside("", "ca.pem", bool, IN_THREAD, LONG_S, patience_s=0.0))
