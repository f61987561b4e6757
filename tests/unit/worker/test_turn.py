"""One at a time: of the threads of a process, and of the processes that are its forks."""

import os
import signal
import sys
import threading

import pytest

from sitemon.worker.turn import Turn
from tests.children import holds_in_a_child

linux = pytest.mark.skipif(sys.platform != "linux", reason="a command has one process there")


def is_free(turn: Turn) -> bool:
    with turn.taken() as is_ours:
        return is_ours


def is_free_in_a_thread(turn: Turn) -> bool:
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(is_free(turn)))
    thread.start()
    thread.join()
    return found == [True]


def die_with(turn: Turn) -> bool:
    with turn.taken() as is_ours:
        os.kill(os.getpid(), signal.SIGKILL)
        return is_ours


def test_another_thread_has_none_meanwhile() -> None:
    turn = Turn("test")
    with turn.taken() as is_ours:
        assert is_ours
        assert not is_free_in_a_thread(turn)
    assert is_free_in_a_thread(turn)


@linux
def test_another_process_has_none_meanwhile() -> None:
    turn = Turn("test")
    with turn.taken():
        assert not holds_in_a_child(turn._is_file_ours)
    assert holds_in_a_child(lambda: is_free(turn))


def test_another_turn_is_another_matter() -> None:
    with Turn("test").taken():
        assert is_free(Turn("test"))


def test_an_error_ends_it() -> None:
    turn = Turn("test")
    with pytest.raises(ValueError, match="a mistake"), turn.taken():
        raise ValueError("a mistake")
    assert is_free(turn)


@linux
def test_who_is_killed_lets_go_of_it() -> None:
    turn = Turn("test")
    assert not holds_in_a_child(lambda: die_with(turn))
    assert is_free(turn)
