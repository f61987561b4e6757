"""What a process has once: one for all of its threads, another one for each forked child."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sitemon.per_process import once_per_process


def exit_status_of_child(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_threads_that_come_at_the_same_time_get_the_same() -> None:
    together = threading.Barrier(8)

    @once_per_process
    def thing() -> object:
        return object()

    def take() -> object:
        together.wait()
        return thing()

    with ThreadPoolExecutor(8) as pool:
        assert len({id(one) for one in pool.map(lambda _: take(), range(8))}) == 1


def test_arguments_count_the_first_time_only() -> None:
    @once_per_process
    def thing(name: str) -> list[str]:
        return [name]

    assert thing("first") is thing("second")
    assert thing("third") == ["first"]


def test_what_could_not_be_made_is_made_the_next_time() -> None:
    attempts = iter([ValueError("not yet"), None])

    @once_per_process
    def thing() -> str:
        if (failure := next(attempts)) is not None:
            raise failure
        return "made"

    with pytest.raises(ValueError, match="not yet"):
        thing()
    assert thing() == "made"


def test_a_child_makes_its_own_even_if_it_was_forked_while_the_parent_made_one() -> None:
    children: list[int] = []

    @once_per_process
    def maker() -> int:
        if not children:
            children.append(os.fork())
            if children[0] == 0:
                os._exit(0 if maker() == os.getpid() else 1)
        return os.getpid()

    assert maker() == os.getpid()
    assert exit_status_of_child(children[0]) == 0
