"""Of batches that no worker has noted so many are known: where nobody takes any, they are those of an hour."""

from sitemon.schedule.batch import Batch
from sitemon.schedule.resend import Unreceived


def known(most: int, **counts: int) -> Unreceived:
    """Let so many batches have been sent to each region."""
    unreceived = Unreceived(most)
    for region, count in counts.items():
        for number in range(count):
            unreceived.add(Batch(f"{region}-{number}", region, []))
    return unreceived


def ids(batches: list[Batch]) -> list[str]:
    return [batch.id for batch in batches]


def sent_again(unreceived: Unreceived, **waiting: int) -> list[str]:
    """Look for them while so many wait in each region, and send again those that are lost; return their ids."""
    unreceived.known_in(waiting.keys())
    lost = unreceived.lost(waiting, ())
    for batch in lost:
        unreceived.forget(batch)
    return ids(lost)


def test_of_a_region_the_newest_are_looked_for() -> None:
    assert ids(known(5, eu=8).known_in({"eu"})) == [f"eu-{number}" for number in range(3, 8)]


def test_regions_share_what_is_known() -> None:
    assert sorted(ids(known(8, eu=20, us=20, asia=2).known_in({"eu", "us", "asia"}))) == [
        "asia-0",
        "asia-1",
        "eu-18",
        "eu-19",
        "us-18",
        "us-19",
    ]


def test_no_more_are_sent_again_where_a_queue_that_nobody_took_from_is_gone() -> None:
    unreceived = known(5, eu=8)
    assert sent_again(unreceived, eu=8) == []
    again = [batch_id for _ in range(3) for batch_id in sent_again(unreceived, eu=0)]
    assert again == [f"eu-{number}" for number in range(3, 8)]


def test_what_could_not_be_sent_again_is_lost_at_the_next_look_too() -> None:
    unreceived = known(5, eu=2)
    assert unreceived.lost({"eu": 0}, ()) == []
    lost = unreceived.lost({"eu": 0}, ())
    assert len(lost) == 2
    assert unreceived.lost({"eu": 0}, ()) == lost
    assert unreceived.lost({"eu": 0}, {"eu-0", "eu-1"}) == []


def test_of_regions_that_are_gone_nothing_stays() -> None:
    unreceived = Unreceived()

    def held_after(number: int) -> int:
        region = f"region-{number:06}"
        unreceived.add(Batch(f"{number:06}", region, []))
        sent_again(unreceived, **{region: 0})
        return len(repr(vars(unreceived)))

    assert [held_after(number) for number in range(100)] == [held_after(100)] * 100
