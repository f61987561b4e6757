"""Who begins next, where several have much to do."""

from collections import Counter

import pytest

from sitemon.checks.fair_queue import FairQueue, PartOfTime


def queue_of(*items: str, part_of_time: PartOfTime = lambda _: 0.0) -> FairQueue[str]:
    """Return a queue with these items; their first letter is their owner."""
    queue: FairQueue[str] = FairQueue(4, part_of_time)
    for item in items:
        queue.put(item[0], item)
    return queue


def taken(queue: FairQueue[str], count: int) -> list[str]:
    """Take items, which are under way from then on."""
    items = []
    for _ in range(count):
        owner, item = queue.take()
        queue.begin(owner)
        items.append(item)
    return items


def test_what_one_owner_puts_in_comes_out_in_its_order() -> None:
    queue = queue_of("a1", "a2", "a3")
    assert taken(queue, 3) == ["a1", "a2", "a3"]
    assert not queue.waiting


def test_owners_of_whom_nothing_is_under_way_take_turns() -> None:
    queue = queue_of("a1", "a2", "a3", "b1", "b2", "c1")
    order = []
    while queue.waiting:
        order += taken(queue, 1)
        queue.end(order[-1][0])
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_who_has_the_fewest_under_way_is_next() -> None:
    queue = queue_of("a1", "a2", "a3", "a4", "a5")
    assert taken(queue, 3) == ["a1", "a2", "a3"]
    for item in ("b1", "b2", "b3", "b4"):
        queue.put("b", item)
    assert taken(queue, 3) == ["b1", "b2", "b3"]
    queue.end("b")
    assert taken(queue, 1) == ["b4"]
    assert taken(queue, 2) == ["a4", "a5"]


def test_what_counts_is_the_larger_part_of_places_and_time() -> None:
    parts = {"a": 0.6, "b": 0.1}
    queue = queue_of("a1", "a2", "b1", "b2", "b3", "b4", part_of_time=lambda owner: parts[str(owner)])
    assert taken(queue, 3) == ["b1", "b2", "b3"]
    assert taken(queue, 1) == ["a1"]
    parts["a"] = 0.8
    assert taken(queue, 2) == ["b4", "a2"]


def test_of_very_many_owners_each_is_next_before_any_is_a_second_time() -> None:
    queue = queue_of(*(f"{chr(first)}{number}" for first in range(100, 1_100) for number in range(2)))
    assert set(Counter(item[0] for item in taken(queue, 1_000)).values()) == {1}


def test_an_owner_of_whom_nothing_is_left_is_forgotten() -> None:
    queue = queue_of("a1", "b1")
    for item in taken(queue, 2):
        queue.end(item[0])
    assert (queue.waiting, queue.under_way) == ({}, {})


def test_who_may_have_none_is_passed_by() -> None:
    queue = queue_of("a1", "b1", "b2", "c1")
    for owner in "bbc":
        queue.begin(owner)
    assert [queue.take(lambda owner: owner != "a") for _ in range(2)] == [("c", "c1"), ("b", "b1")]
    with pytest.raises(IndexError):
        queue.take(lambda owner: owner == "c")
    assert taken(queue, 2) == ["a1", "b2"]


def test_an_item_is_in_it_once() -> None:
    queue = queue_of("a1", "a2", "a1")
    assert taken(queue, 2) == ["a1", "a2"]
    assert not queue.waiting


def test_an_item_may_be_dropped_wherever_it_stands() -> None:
    queue = queue_of("a1", "a2", "a3", "b1")
    queue.drop("a", "a2")
    queue.drop("b", "b1")
    assert taken(queue, 2) == ["a1", "a3"]
    assert not queue.waiting


def test_an_item_that_is_put_back_is_the_next_of_its_owner() -> None:
    queue = queue_of("a1", "a2", "b1")
    queue.put_back(*queue.take())
    assert taken(queue, 3) == ["b1", "a1", "a2"]
