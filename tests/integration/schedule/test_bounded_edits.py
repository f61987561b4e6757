"""However much of a file of sites is edited, so much of it is told in a minute, and the rest as it is by then."""

import pytest
import redis
from msgspec import structs

from sitemon.config.sites import SiteSet
from sitemon.model.schedule import Ended, Started, Told, encode_event
from sitemon.model.site import Site
from sitemon.schedule import telling
from sitemon.schedule.leader import Leader
from sitemon.schedule.lease import Lease, Progress
from sitemon.schedule.telling import Teller
from tests.integration.schedule.world import START_MS, World, assert_all_sent_is_asked_for, run, site_set

MOST = 50
MINUTE_MS = 60_000
BEGUN_MS = START_MS - START_MS % MINUTE_MS
PAY = Site(name="pay", url="http://pay.example/", interval_ms=60_000, file="pay.yaml")


@pytest.fixture(autouse=True)
def _bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "EVENTS_OF_A_FILE", MOST)


def many(label: object = 0, *others: Site, regions: tuple[str, ...] = ("default",), file: str = "many.yaml") -> SiteSet:
    """Twice what may be told of a file in a minute."""
    sites = (
        Site(
            name=f"s{number}",
            url="http://x.example/",
            interval_ms=10_000 + number,
            labels={"edit": str(label)},
            regions=regions,
            file=file,
        )
        for number in range(2 * MOST)
    )
    return site_set(*sites, *others)


def tell(teller: Teller, sites: SiteSet, minute: int = 0) -> None:
    """Tell all that may be told in a minute."""
    now_ms = BEGUN_MS + minute * MINUTE_MS
    while not teller.tell_more(sites, now_ms, Progress(now_ms, now_ms)):
        pass


def told_all(around: World, sites: SiteSet) -> Teller:
    """Return what leads and has told these sites, and forget that it did."""
    teller = Teller(around, 1, BEGUN_MS)
    tell(teller, sites)
    around.events.clear()
    return teller


def told_bytes(around: World) -> int:
    return sum(len(encode_event(event)) for event in around.events)


def labels(around: World) -> list[tuple[str, str]]:
    return [(event.site, event.labels["edit"]) for event in around.events if isinstance(event, Started)]


def test_a_new_leader_tells_all_of_it_at_once(client: redis.Redis) -> None:
    around = World(client)
    tell(Teller(around, 1, BEGUN_MS), many())
    assert [type(event) for event in around.events] == [Started] * 2 * MOST + [Told]


def test_however_often_it_is_edited_so_much_is_told_in_a_minute(client: redis.Redis) -> None:
    around = World(client)
    teller = told_all(around, many())
    for edit in range(1, 5):
        tell(teller, many(edit))
    assert len(around.events) == MOST
    for edit in range(5, 9):
        tell(teller, many(edit), minute=1)
    assert len(around.events) == 2 * MOST


def test_with_long_labels_it_is_as_many_bytes(client: redis.Redis) -> None:
    around = World(client)
    teller = told_all(around, many())
    tell(teller, many(1))
    bytes_of_short = told_bytes(around)
    around.events.clear()
    tell(teller, many("x" * 4_000), minute=1)
    tell(teller, many("y" * 4_000), minute=1)
    assert 0 < told_bytes(around) <= bytes_of_short


def test_what_waited_is_told_as_it_is_by_then_and_each_once(client: redis.Redis) -> None:
    around = World(client)
    teller = told_all(around, many())
    for edit in (1, 2):
        tell(teller, many(edit))
    newest = many(3)
    for minute in range(5):
        tell(teller, newest, minute)
    sites = [site.name for site in newest.sites]
    assert labels(around) == [(name, "1") for name in sites[:MOST]] + [(name, "3") for name in sites]


def test_others_are_told_at_once(client: redis.Redis) -> None:
    around = World(client)
    teller = told_all(around, many(0, PAY))
    tell(teller, many(1, PAY))
    tell(teller, many(1, structs.replace(PAY, interval_ms=30_000)))
    assert [event.site for event in around.events if isinstance(event, Started)][MOST:] == ["pay"]


def test_what_has_ended_is_told_at_once(client: redis.Redis) -> None:
    around = World(client)
    teller = told_all(around, many())
    tell(teller, many(1))
    tell(teller, site_set(*many(1).sites[:10]))
    assert len([event for event in around.events if isinstance(event, Ended)]) == 2 * MOST - 10


def test_a_site_that_waits_to_begin_in_other_regions_has_not_ended_in_those_before(client: redis.Redis) -> None:
    around = World(client)
    teller = told_all(around, many(regions=("here",)))
    tell(teller, many(regions=("there",)))
    began, over = ({event.site for event in around.events if isinstance(event, kind)} for kind in (Started, Ended))
    assert began == over == {f"s{number}" for number in range(MOST // 2)}


def test_a_site_that_is_moved_to_another_file_is_of_that_one(client: redis.Redis) -> None:
    around = World(client)
    teller = told_all(around, many())
    tell(teller, many(1))
    tell(teller, many(2, file="other.yaml"))
    assert len(around.events) == 2 * MOST


def test_all_of_it_is_told_again_in_time_though_it_is_edited_without_end(client: redis.Redis) -> None:
    around = World(client)
    teller = told_all(around, many())
    tell(teller, many(1))
    teller.tell_all(BEGUN_MS)
    tell(teller, many(2))
    [told] = [event for event in around.events if isinstance(event, Told)]
    named = {event.site for event in around.events if isinstance(event, Started) and event.sequence >= told.first}
    assert named == {site.name for site in many().sites}


def test_the_leader_waits_for_the_next_minute_and_tells_the_rest_then(client: redis.Redis) -> None:
    around = World(client, *many().sites)
    leader = Leader(Lease(client), around)
    run(leader, BEGUN_MS, BEGUN_MS + 10_000)
    around.events.clear()
    around.configured = many(1)
    run(leader, BEGUN_MS + 10_500, BEGUN_MS + 59_500)
    assert len(around.events) == MOST
    run(leader, BEGUN_MS + 60_000, BEGUN_MS + 61_000)
    assert labels(around) == [(site.name, "1") for site in many().sites]
    assert_all_sent_is_asked_for([around])
