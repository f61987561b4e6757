"""Two beats over one Redis, whatever befalls them: what is sent is asked for, and in the end what is wanted is sent."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from sitemon.model.errors import UnreachableError
from sitemon.model.site import Site
from sitemon.schedule.leader import Leader
from sitemon.schedule.lease import Lease
from tests.integration.schedule.world import (
    START_MS,
    History,
    World,
    assert_all_sent_is_asked_for,
    lapse,
    site_set,
    slots,
    tick,
)

NAMES = ("shop", "blog", "wiki")
STEP_MS = 500


class Step(NamedTuple):
    """What befalls one of the beats, or all of them, and how much of it."""

    kind: str
    beat: int
    amount: int


class Scene:
    """Two beats with files of their own; time goes on with each tick of both."""

    def __init__(self, client: redis.Redis, skews_ms: tuple[int, int]) -> None:
        client.flushdb()
        self.client = client
        self.history = History()
        self.worlds = [World(client, history=self.history) for _ in skews_ms]
        self.leases = [Lease(client) for _ in skews_ms]
        self.leaders = [Leader(*pair) for pair in zip(self.leases, self.worlds, strict=True)]
        self.skews_ms = skews_ms
        self.now_ms = START_MS
        self.newest_ms = START_MS
        self.monotonic_s = 1_000.0
        self.kept: dict[str, bytes] = {}

    def run(self, beats: Iterable[int], steps: int) -> None:
        for _ in range(steps):
            self.now_ms += STEP_MS
            self.monotonic_s += STEP_MS / 1_000
            for beat in beats:
                now_ms = self.now_ms + self.skews_ms[beat]
                self.newest_ms = max(self.newest_ms, now_ms)
                with suppress(UnreachableError):
                    tick(self.leaders[beat], now_ms, self.monotonic_s)

    def act(self, step: Step) -> None:
        acts: dict[str, Callable[[Step], None]] = {
            "run": lambda step: self.run((0, 1), step.amount),
            "freeze one": lambda step: self.run((step.beat,), step.amount),
            "stop": self._stop,
            "lapse": lambda _: lapse(self.client),
            "resign": lambda step: self.leaders[step.beat].resign(),
            "edit": self._edit,
            "lose an event": self._lose_an_event,
            "lose the broker": self._lose_the_broker,
            "leap": self._leap,
            "set back": self._set_back,
            "flush": self._flush,
            "evict": self._evict,
            "keep": self._keep,
            "roll back": self._roll_back,
        }
        acts[step.kind](step)

    def _stop(self, step: Step) -> None:
        """A beat is killed and started again; its lease lapses."""
        self.worlds[step.beat] = World(self.client, *self.worlds[step.beat].configured.sites, history=self.history)
        self.leases[step.beat] = Lease(self.client)
        self.leaders[step.beat] = Leader(self.leases[step.beat], self.worlds[step.beat])
        lapse(self.client)

    def _edit(self, step: Step) -> None:
        """Each digit of the amount says how often a site is checked, or that it is not."""
        sites = []
        for number, name in enumerate(NAMES):
            digit = step.amount // 4**number % 4
            if digit:
                url, interval_ms = "http://x.example/", (1_000, 2_500, 7_000)[digit - 1]
                sites.append(Site(name=name, url=url, interval_ms=interval_ms, timeout_s=1 + step.amount % 2))
        self.worlds[step.beat].configured = site_set(*sites)

    def _lose_an_event(self, step: Step) -> None:
        self.worlds[step.beat].keeps_of_next = step.amount % 3

    def _lose_the_broker(self, step: Step) -> None:
        self.worlds[step.beat].is_broker_down = True
        self.run((0, 1), 1)
        self.worlds[step.beat].is_broker_down = False

    def _leap(self, step: Step) -> None:
        self.now_ms += step.amount * 2_000

    def _set_back(self, step: Step) -> None:
        self.now_ms -= step.amount * 500

    def _flush(self, _: Step) -> None:
        self._wait_for_a_new_token()
        self.client.flushdb()

    def _evict(self, step: Step) -> None:
        self._wait_for_a_new_token()
        self.client.delete("{sitemon}:" + ("lease", "token", "mark")[step.amount % 3])

    def _keep(self, _: Step) -> None:
        keys = ("{sitemon}:token", "{sitemon}:mark")
        self.kept = {key: value for key in keys if isinstance(value := self.client.get(key), bytes)}

    def _roll_back(self, step: Step) -> None:
        """Redis remembers an older value of a key. Of the lease it would know that it has lapsed since."""
        self._wait_for_a_new_token()
        for key in sorted(self.kept)[step.amount % 2 :][:1]:
            self.client.set(key, self.kept[key])

    def _wait_for_a_new_token(self) -> None:
        """Let Redis' clock pass the last token: it stands for the seconds that a lease lasts."""
        newest = max(lease.token for lease in self.leases)
        while self.client.time()[0] * 1_000 + self.client.time()[1] // 1_000 <= newest:
            pass

    def assert_recovers(self) -> None:
        """After all of it, what is asked for and sent is what the leader's files say."""
        self.now_ms = max(self.now_ms, self.newest_ms) + 10_000
        for world in self.worlds:
            world.keeps_of_next = None
            world.configured = self.worlds[0].configured
        self.run((0, 1), 20)
        assert [leader.is_leading for leader in self.leaders].count(True) == 1
        from_ms = self.now_ms + max(self.skews_ms)
        self.run((0, 1), 60)
        until_ms = self.now_ms + min(self.skews_ms)
        wanted = self.worlds[0].configured.by_name
        for name in NAMES:
            expected = slots(wanted[name], from_ms, until_ms) if name in wanted else []
            site = wanted.get(name) or Site(name=name, url="http://x.example/")
            assert self.history.asks_for(site, from_ms, until_ms) == expected
            sent = {ms for world in self.worlds for ms in world.slots_of(site) if from_ms < ms <= until_ms}
            assert sorted(sent) == expected


USUAL = ("run", "run", "run", "freeze one", "stop", "lapse", "resign", "edit", "edit", "lose an event", "leap")
OF_REDIS = (*USUAL, "lose the broker", "flush", "evict", "keep", "roll back")
OF_CLOCKS = (*USUAL, "set back", "set back")


def steps_of(kinds: tuple[str, ...]) -> st.SearchStrategy[list[Step]]:
    return st.lists(st.builds(Step, st.sampled_from(kinds), st.integers(0, 1), st.integers(1, 63)), max_size=25)


@settings(max_examples=100)
@given(steps=steps_of(OF_REDIS))
def test_with_a_redis_that_loses_what_it_likes(client: redis.Redis, steps: list[Step]) -> None:
    play(Scene(client, (0, 0)), steps)


@settings(max_examples=100)
@given(steps=steps_of(OF_CLOCKS), skews_ms=st.tuples(st.integers(-1_500, 1_500), st.integers(-1_500, 1_500)))
def test_with_clocks_that_differ_and_are_set_back(
    client: redis.Redis, steps: list[Step], skews_ms: tuple[int, int]
) -> None:
    play(Scene(client, skews_ms), steps)


def play(scene: Scene, steps: list[Step]) -> None:
    for beat in (0, 1):
        scene.act(Step("edit", beat, 27))
    scene.run((0, 1), 1)
    for step in steps:
        scene.act(step)
    scene.assert_recovers()
    assert_all_sent_is_asked_for(scene.worlds)
    scene.history.assert_has_no_holes()
