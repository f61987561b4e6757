"""Who is told of what: channels and routes, as the configuration describes them once it is read and checked."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

EVENTS: Final = ("down", "resolved", "reminder", "region", "silent")
"""What a route may pass on. What corrects a message goes where that one went."""


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One way to tell somebody. `secret` signs what a webhook is sent; it and the URL are masked in every repr."""

    name: str
    kind: Literal["webhook", "alertmanager"]
    url: str
    secret: bytes = b""

    def __repr__(self) -> str:
        return f"Channel({self.name!r}, {self.kind!r})"

    def __rich_repr__(self) -> list[Any]:
        """Mask it for rich too, which does not ask `__repr__`."""
        return [self.name, self.kind]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Which channels hear which events of sites that have all labels of `match`; ``continue`` goes on to the next.

    Every `remind_every_s` seconds they are reminded of an incident of which nobody knows; 0: never.
    """

    match: Mapping[str, str] = {}
    channels: tuple[str, ...]
    events: tuple[str, ...] = EVENTS
    remind_every_s: float = 3600.0
    goes_on: bool = False

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether a site with these labels takes this route."""
        return all(labels.get(name) == value for name, value in self.match.items())


class Heartbeat(msgspec.Struct, frozen=True):
    """A URL that is called every `every_s` seconds while results are recorded; it is masked in every repr."""

    url: str
    every_s: float = 60.0

    def __repr__(self) -> str:
        return f"Heartbeat(***, {self.every_s!r})"

    def __rich_repr__(self) -> list[Any]:
        """Mask it for rich too, which does not ask `__repr__`."""
        return ["***", self.every_s]


class Alerts(msgspec.Struct, frozen=True, kw_only=True):
    """All channels by their names, and the routes in the order in which they are tried.

    `references` are URLs by region: if its workers cannot reach most of them, it is offline.
    """

    channels: Mapping[str, Channel] = {}
    routes: tuple[Route, ...] = ()
    heartbeat: Heartbeat | None = None
    references: Mapping[str, tuple[str, ...]] = {}

    def reminders_for(self, labels: Mapping[str, str]) -> dict[str, float]:
        """Return which channels are reminded of an incident of such a site, and every how many seconds."""
        found: dict[str, float] = {}
        for route in self._taken(labels):
            if route.remind_every_s and "reminder" in route.events:
                found |= {name: route.remind_every_s for name in route.channels if name not in found}
        return found

    def channels_for(self, labels: Mapping[str, str], event: str) -> list[str]:
        """Return which channels hear an event of a site with these labels, each once."""
        taken = (route for route in self._taken(labels) if event in route.events)
        return list(dict.fromkeys(name for route in taken for name in route.channels))

    def channels_hearing(self, event: str) -> list[str]:
        """Return which channels hear an event that is of no site, by any route, each once."""
        return list(dict.fromkeys(name for route in self.routes if event in route.events for name in route.channels))

    def _taken(self, labels: Mapping[str, str]) -> Iterator[Route]:
        for route in self.routes:
            if route.fits(labels):
                yield route
                if not route.goes_on:
                    return
