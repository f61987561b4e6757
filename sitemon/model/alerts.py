"""Who is told of what: channels and routes, as the configuration describes them once it is read and checked."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

EVENTS: Final = ("down", "resolved")
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
    """Which channels hear which events of sites that have all labels of `match`; ``continue`` goes on to the next."""

    match: Mapping[str, str] = {}
    channels: tuple[str, ...]
    events: tuple[str, ...] = EVENTS
    goes_on: bool = False

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether a site with these labels takes this route."""
        return all(labels.get(name) == value for name, value in self.match.items())


class Alerts(msgspec.Struct, frozen=True, kw_only=True):
    """All channels by their names, and the routes in the order in which they are tried."""

    channels: Mapping[str, Channel] = {}
    routes: tuple[Route, ...] = ()

    def channels_for(self, labels: Mapping[str, str], event: str) -> list[str]:
        """Return which channels hear an event of a site with these labels, each once."""
        found: dict[str, None] = {}
        for route in self.routes:
            if route.fits(labels):
                found |= dict.fromkeys(route.channels if event in route.events else ())
                if not route.goes_on:
                    break
        return list(found)
