"""What a process has once: one for all of its threads, another one for each forked child."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sitemon.per_process import once_per_process
from tests.children import holds_in_a_child


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
    parent, outcomes = os.getpid(), []

    @once_per_process
    def maker() -> int:
        if os.getpid() == parent:
            outcomes.append(holds_in_a_child(lambda: maker() == os.getpid()))
        return os.getpid()

    assert maker() == parent
    assert outcomes == [True]
