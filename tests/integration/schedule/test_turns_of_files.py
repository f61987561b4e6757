"""What a leader tells of the schedule while somebody edits very many sites of a file again and again."""

import redis
from msgspec import structs

from sitemon.config.sites import SiteSet
from sitemon.model.schedule import Ended, Started, Told
from sitemon.model.site import Site
from sitemon.schedule.lease import Progress
from sitemon.schedule.telling import EVENTS_AT_ONCE, Teller
from tests.integration.schedule.world import START_MS, World, site_set

MANY = EVENTS_AT_ONCE // 10
REGIONS = tuple(f"r{number}" for number in range(30))
PAY = Site(name="pay", url="http://pay.example/", interval_ms=60_000, file="pay.yaml")
NEW = structs.replace(PAY, name="new")


def many(label: int, *others: Site) -> SiteSet:
    """Three times what is told at once, all of it another with each label."""
    sites = (
        Site(
            name=f"s{number}",
            url="http://x.example/",
            interval_ms=1_000 + number,
            labels={"edit": str(label)},
            regions=REGIONS,
            file="many.yaml",
        )
        for number in range(MANY)
    )
    return site_set(*sites, *others)


def tell(teller: Teller, sites: SiteSet, times: int = 1) -> None:
    for _ in range(times):
        teller.tell_more(sites, START_MS, Progress(START_MS, START_MS))


def told_of(around: World) -> set[str]:
    return {event.site for event in around.events if isinstance(event, Started)}


def test_a_site_of_another_file_is_told_at_once(client: redis.Redis) -> None:
    around = World(client)
    teller = Teller(around, 1, START_MS)
    tell(teller, many(0, PAY), 5)
    tell(teller, many(1, PAY))
    tell(teller, many(2, PAY, NEW))
    assert "new" in told_of(around)


def test_and_so_is_its_end_where_others_have_names_that_are_new_with_each_edit(client: redis.Redis) -> None:
    around = World(client)
    teller = Teller(around, 1, START_MS)
    tell(teller, many(0, PAY), 5)
    for edit in range(1, 4):
        renamed = [structs.replace(site, name=f"{site.name}-{edit}") for site in many(0).sites]
        tell(teller, site_set(*renamed))
    assert "pay" in {event.site for event in around.events if isinstance(event, Ended)}


def test_a_new_leader_tells_others_at_once_and_all_in_the_end_however_often_it_is_edited(client: redis.Redis) -> None:
    around = World(client)
    teller = Teller(around, 1, START_MS)
    tell(teller, many(0, PAY))
    assert "pay" in told_of(around)
    for label in range(1, 6):
        tell(teller, many(label, PAY))
    assert teller.plan.is_whole
    [told] = [event for event in around.events if isinstance(event, Told)]
    assert told_of(around) == {site.name for site in many(0, PAY).sites}
    assert {event.region for event in around.events[: told.sequence] if isinstance(event, Started)} >= set(REGIONS)


def test_neither_edits_nor_new_names_keep_all_from_being_told_again(client: redis.Redis) -> None:
    around = World(client)
    teller = Teller(around, 1, START_MS)
    rare = structs.replace(PAY, name="rare", file="many.yaml")
    tell(teller, many(0, rare, PAY), 10)
    teller.tell_all(START_MS)
    for edit in range(8):
        renamed = [structs.replace(site, name=f"{site.name}-{edit}") for site in many(0).sites]
        tell(teller, site_set(*renamed, rare, PAY))
    closing = [event for event in around.events if isinstance(event, Told)]
    assert len(closing) == 2
    named = {e.site for e in around.events if isinstance(e, Started) and closing[1].first <= e.sequence}
    assert named >= {"rare", "pay"}


def test_of_more_files_than_are_told_at_once_each_has_its_turn(client: redis.Redis) -> None:
    around = World(client)
    teller = Teller(around, 1, START_MS)
    listed = [
        Site(name=f"s{number}", url="http://x.example/", interval_ms=1_000, file=f"{number}.yaml")
        for number in range(2 * EVENTS_AT_ONCE + 100)
    ]
    for label in range(3):
        tell(teller, site_set(*(structs.replace(site, labels={"edit": str(label)}) for site in listed)))
    assert len(told_of(around)) == len(listed)
