"""Who is told of what: channels and routes, as the configuration describes them once it is read and checked."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

import msgspec

EVENTS: Final = ("down", "resolved", "reminder", "certificate", "region", "silent")
"""What a route passes on if it does not say. What corrects a message goes where that one went."""

ASKED_FOR: Final = ("degraded",)
"""What it passes on only where it says so."""

OF_NO_SITE: Final = frozenset({"region", "silent"})
"""What the channels of a route hear whatever its `match`."""

NO_FILE: Final = "/"
"""Stands for the file of what is of no site. No file has this name."""
GONE_FILE: Final = "//"
"""Stands for that of regions that no file names any more."""


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One way to tell somebody. `secret` signs what a webhook is sent; it and the URL are masked in every repr.

    `timezone` is that of the people who read it, by its IANA name; empty: UTC alone.
    """

    name: str
    kind: Literal["webhook", "alertmanager", "apprise"]
    url: str
    secret: bytes = b""
    timezone: str = ""

    @property
    def is_for_people(self) -> bool:
        """Whether people read it: they get what happens together as one message."""
        return self.kind == "apprise"

    def __repr__(self) -> str:
        return f"Channel({self.name!r}, {self.kind!r})"

    def __rich_repr__(self) -> list[Any]:
        """Mask it for rich too, which does not ask `__repr__`."""
        return [self.name, self.kind]


class Escalation(msgspec.Struct, frozen=True):
    """Who else is told of an incident that lasts, once so many seconds nobody has acknowledged it."""

    after_s: float
    channels: tuple[str, ...]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Which channels hear which events of sites that have all labels of `match`; ``continue`` goes on to the next.

    Every `remind_every_s` seconds they are reminded of an incident of which nobody knows; 0: never. People are told
    `group_for_s` seconds later, together with what else happened until then.
    """

    match: Mapping[str, str] = {}
    channels: tuple[str, ...]
    events: tuple[str, ...] = EVENTS
    group_for_s: float = 10.0
    remind_every_s: float = 3600.0
    escalate: tuple[Escalation, ...] = ()
    goes_on: bool = False

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether a site with these labels takes this route."""
        return all(labels.get(name) == value for name, value in self.match.items())

    @property
    def all_channels(self) -> tuple[str, ...]:
        """Those that are told at once, and those that may be later."""
        return self.channels + tuple(name for step in self.escalate for name in step.channels)


def never_taken(routes: Sequence[Route]) -> dict[int, int]:
    """Return the places of routes that say who hears of sites and that no site takes, whatever its labels.

    Beside each stands the place of the first route that every site takes which would fit it, and that does not go on.
    """
    found = {
        place: next((n for n, before in enumerate(routes[:place]) if _ends_before(before, route)), None)
        for place, route in enumerate(routes)
        if route.escalate or not OF_NO_SITE.issuperset(route.events)
    }
    return {place: before for place, before in found.items() if before is not None}


def _ends_before(before: Route, route: Route) -> bool:
    return not before.goes_on and before.match.items() <= route.match.items()


class Audience(NamedTuple):
    """What a site says of who is told of it: `labels` for the routes, or a `route` instead of them.

    Channels have the names of the file there; without any, nobody is told. `remind_every_s` holds instead of that of
    each route; 0: never.
    """

    labels: Mapping[str, str] = {}
    route: Route | None = None
    remind_every_s: float | None = None


class Recipient(NamedTuple):
    """A channel, and how many seconds it waits for further events to come as one message."""

    channel: str
    wait_s: float


class Heartbeat(msgspec.Struct, frozen=True):
    """A URL that is called every `every_s` seconds while results are recorded; it is masked in every repr."""

    url: str
    every_s: float = 60.0

    def __repr__(self) -> str:
        return f"Heartbeat(***, {self.every_s!r})"

    def __rich_repr__(self) -> list[Any]:
        """Mask it for rich too, which does not ask `__repr__`."""
        return ["***", self.every_s]


class Alerts(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """All channels by their names, and the routes in the order in which they are tried.

    `references` are URLs by region: if its workers cannot reach most of them, it is offline. `page_url` is where people
    find the page, None: nobody says.
    """

    channels: Mapping[str, Channel] = {}
    routes: tuple[Route, ...] = ()
    heartbeat: Heartbeat | None = None
    references: Mapping[str, tuple[str, ...]] = {}
    page_url: str | None = None

    def reminders_for(self, audience: Audience) -> dict[str, float]:
        """Return which channels are reminded of an incident of such a site, and every how many seconds.

        Those to which it was escalated are among them: nobody is reminded of what they were not told.
        """
        found: dict[str, float] = {}
        for route in self._taken(audience):
            every_s = route.remind_every_s if audience.remind_every_s is None else audience.remind_every_s
            if every_s and "reminder" in route.events:
                found |= {name: every_s for name in route.all_channels if name not in found}
        return found

    def escalations_for(self, audience: Audience) -> dict[str, float]:
        """Return to which channels an incident of such a site is escalated, and after how many seconds."""
        found: dict[str, float] = {}
        for route in self._taken(audience):
            for step in route.escalate:
                for name in step.channels:
                    found[name] = min(step.after_s, found.get(name, step.after_s))
        return found

    def recipients(self, audience: Audience, event: str, told: Collection[str] = ()) -> list[Recipient]:
        """Return who hears an event of such a site, each once: by the routes, or because it was `told`.

        Those who were told that a site is down hear the rest of it, also where the routes are others by now; but for
        those who do not want to hear such events.
        """
        routes = list(self._taken(audience))
        waits_s: dict[str, float] = {}
        for route in routes:
            if event in route.events:
                heard = (*route.channels, *(name for name in route.all_channels if name in told))
                waits_s |= {name: route.group_for_s for name in heard if name not in waits_s}
        of_routes = {name for route in routes for name in route.all_channels}
        waits_s |= {name: 0.0 for name in told if name in self.channels and name not in of_routes}
        return [Recipient(name, self.wait_s(name, wait_s)) for name, wait_s in waits_s.items()]

    def wait_s(self, name: str, wait_s: float) -> float:
        """Return how long a channel waits for further events, where people would wait so long."""
        channel = self.channels.get(name)
        return wait_s if channel is not None and channel.is_for_people else 0.0

    def channels_hearing(self, event: str) -> list[str]:
        """Return which channels hear an event that is of no site, by any route, each once."""
        return list(dict.fromkeys(name for route in self.routes if event in route.events for name in route.channels))

    @property
    def names(self) -> frozenset[str]:
        """The names by which sites and routes call the channels."""
        return frozenset(self._by_name)

    @cached_property
    def _by_name(self) -> dict[str, tuple[str, ...]]:
        """The channels of each name: those of a list of services are `name`, `name/2`, …."""
        found: dict[str, tuple[str, ...]] = {}
        for channel in self.channels:
            name = channel.partition("/")[0]
            found[name] = (*found.get(name, ()), channel)
        return found

    def _named(self, names: Iterable[str]) -> tuple[str, ...]:
        return tuple(channel for name in names for channel in self._by_name.get(name, ()))

    def _own(self, route: Route) -> Route:
        """Return a site's own route with the channels that there are."""
        steps = tuple(Escalation(step.after_s, self._named(step.channels)) for step in route.escalate)
        return msgspec.structs.replace(route, channels=self._named(route.channels), escalate=steps)

    def _taken(self, audience: Audience) -> Iterator[Route]:
        """Yield the routes that a site takes; if it names channels of which there is none, it is as if it did not."""
        if audience.route is not None:
            own = self._own(audience.route)
            if own.channels:
                yield own
            if own.channels or not audience.route.channels:
                return
        for route in self.routes:
            if route.fits(audience.labels):
                yield route
                if not route.goes_on:
                    return
