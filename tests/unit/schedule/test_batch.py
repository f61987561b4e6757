"""What is due travels in batches: of one region, in order, two hundred slots at most."""

from sitemon.schedule.batch import BATCH_SLOTS, batches_of


def test_slots_of_a_region_travel_together_in_their_order() -> None:
    due = [("shop", "eu", 2), ("shop", "us", 2), ("blog", "eu", 1)]
    assert [(batch.region, batch.slots) for batch in batches_of(due)] == [
        ("eu", [("shop", 2), ("blog", 1)]),
        ("us", [("shop", 2)]),
    ]


def test_a_batch_has_so_many_slots_at_most_and_an_id_of_its_own() -> None:
    batches = list(batches_of((f"s{n}", "eu", n) for n in range(2 * BATCH_SLOTS + 20)))
    assert [len(batch.slots) for batch in batches] == [BATCH_SLOTS, BATCH_SLOTS, 20]
    assert len({batch.id for batch in batches}) == 3
