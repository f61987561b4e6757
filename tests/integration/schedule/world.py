"""The effects of the leaders under test, and what they are asked to do."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import redis

from sitemon.config.sites import SiteSet
from sitemon.model.errors import UnreachableError
from sitemon.model.marks import Mark, Reign
from sitemon.model.result import Result
from sitemon.model.schedule import Ended, ScheduleEvent, Started, Told, Watch
from sitemon.model.site import Site
from sitemon.model.stretches import Edit, Stretch, stretches_of
from sitemon.queues import note_received
from sitemon.schedule.batch import Batch
from sitemon.schedule.leader import Leader
from sitemon.schedule.slots import next_slot_ms

START_MS = 1_790_000_000_000
SHOP = Site(name="shop", url="http://shop.example/", interval_ms=10_000)
BLOG = Site(name="blog", url="http://blog.example/", interval_ms=25_000)


def site_set(*sites: Site) -> SiteSet:
    return SiteSet(sites=sites, by_name={site.name: site for site in sites}, source="a test")


class History:
    """The events that are on Kafka, and what they ask for."""

    def __init__(self) -> None:
        self.events: list[ScheduleEvent] = []
        self._edits: dict[Watch, list[Edit]] = defaultdict(list)
        self._tellings: list[Told] = []

    def add(self, events: Iterable[ScheduleEvent]) -> None:
        for event in events:
            self.events.append(event)
            if isinstance(event, Told):
                assert event.first <= event.sequence
                self._tellings.append(event)
            elif isinstance(event, Started):
                edit = (event.at_ms, event.from_slot_ms, event.interval_ms, event.patience_ms)
                self._edits[Watch(event.site, event.region)].append(Edit(event.token, event.sequence, *edit))
            elif isinstance(event, Ended):
                edit_of_end = Edit(event.token, event.sequence, event.at_ms)
                self._edits[Watch(event.site, event.region)].append(edit_of_end)

    def stretches(self, watch: Watch) -> list[Stretch]:
        edits = self._edits[watch]
        unnamed = [
            Edit(told.token, told.sequence, told.at_ms)
            for told in self._tellings
            if not any(edit.token == told.token and told.first <= edit.sequence < told.sequence for edit in edits)
        ]
        return stretches_of(edits + unnamed)

    def asks_for(self, site: Site, after_ms: int, until_ms: int, region: str = "default") -> list[int]:
        """Return the site's slots after the one moment and up to the other."""
        return [
            slot_ms
            for one in self.stretches(Watch(site.name, region))
            for slot_ms in range(one.first_from(after_ms + 1), min(one.until_ms, until_ms + 1), one.interval_ms)
        ]

    def assert_asks_for(self, watch: Watch, slot_ms: int) -> None:
        stretches = self.stretches(watch)
        assert any(one.has(slot_ms) for one in stretches), f"{watch} {slot_ms} is not in {stretches}"

    def assert_has_no_holes(self) -> None:
        """Of each token the sequence numbers go from 1 on, and each says one thing only."""
        said: dict[int, dict[int, ScheduleEvent]] = defaultdict(dict)
        for event in self.events:
            assert isinstance(event, Started | Ended | Told)
            assert said[event.token].setdefault(event.sequence, event) == event
        for events in said.values():
            assert sorted(events) == list(range(1, len(events) + 1))


class World:
    """What a leader did to the world. Every slot that is sent has to be asked for by what is in the history by then."""

    def __init__(self, client: redis.Redis, *sites: Site, history: History | None = None) -> None:
        self.client = client
        self.configured = site_set(*sites)
        self.history = history or History()
        self.sent: list[Batch] = []
        self.missed: list[Result] = []
        self.reigns: list[Reign] = []
        self.is_broker_down = False
        self.is_received = True
        """Whether a worker takes at once what is sent, and notes it."""
        self.keeps_of_next: int | None = None
        """So many of the next events are kept, and then the call fails."""

    def sites(self) -> SiteSet:
        return self.configured

    def send(self, batch: Batch, ahead_ms: int) -> None:
        if self.is_broker_down:
            raise UnreachableError("no broker")
        for name, slot_ms in batch.slots:
            self.history.assert_asks_for(Watch(name, batch.region), slot_ms)
        self.sent.append(batch)
        if self.is_received:
            note_received(self.client, batch.id)

    def publish_missed(self, results: Sequence[Result]) -> None:
        self.missed += results

    def publish_events(self, events: Sequence[ScheduleEvent]) -> None:
        assert events
        if self.keeps_of_next is not None:
            self.history.add(events[: self.keeps_of_next])
            self.keeps_of_next = None
            raise UnreachableError("no Kafka")
        self.history.add(events)

    def publish_mark(self, mark: Mark) -> None:
        assert isinstance(mark, Reign)
        self.reigns.append(mark)

    @property
    def events(self) -> list[ScheduleEvent]:
        return self.history.events

    def slots_of(self, site: Site) -> list[int]:
        return [ms for batch in self.sent for name, ms in batch.slots if name == site.name]


def assert_all_sent_is_asked_for(worlds: Iterable[World]) -> None:
    """Each slot was when it was sent; no later event took it back."""
    for world in worlds:
        for watch, slot_ms in {(Watch(name, one.region), ms) for one in world.sent for name, ms in one.slots}:
            world.history.assert_asks_for(watch, slot_ms)


def run(leader: Leader, from_ms: int, until_ms: int, step_ms: int = 500) -> None:
    for now_ms in range(from_ms, until_ms + 1, step_ms):
        tick(leader, now_ms, now_ms / 1_000)


def tick(leader: Leader, now_ms: int, monotonic_s: float) -> None:
    """Let the leader tick until it has nothing to do any more at this moment."""
    while leader.tick(now_ms, monotonic_s) == 0.0:
        pass


def slots(site: Site, after_ms: int, until_ms: int) -> list[int]:
    first_ms = next_slot_ms(site.name, site.interval_ms, after_ms)
    return list(range(first_ms, until_ms + 1, site.interval_ms))


def lapse(client: redis.Redis) -> None:
    client.delete("{sitemon}:lease")
