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


def test_of_a_region_the_newest_are_looked_for() -> None:
    assert known(5, eu=8).ids_in({"eu"}) == [f"eu-{number}" for number in range(3, 8)]


def test_regions_share_what_is_known() -> None:
    assert sorted(known(8, eu=20, us=20, asia=2).ids_in({"eu", "us", "asia"})) == [
        "asia-0",
        "asia-1",
        "eu-18",
        "eu-19",
        "us-18",
        "us-19",
    ]


def test_no_more_are_sent_again_where_a_queue_that_nobody_took_from_is_gone() -> None:
    unreceived = known(5, eu=8)
    unreceived.ids_in({"eu"})
    assert list(unreceived.lost({"eu": 8}, ())) == []
    again = [batch.id for _ in range(3) for batch in unreceived.lost({"eu": 0}, ())]
    assert again == [f"eu-{number}" for number in range(3, 8)]
