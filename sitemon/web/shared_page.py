"""A page that readers share: its address, what is made of it, and how it is made again."""

import asyncio
import math
from typing import Final, NamedTuple, Protocol

from starlette.types import Scope

from sitemon.web.fair_turns import Turn
from sitemon.web.made import Content, Made, make
from sitemon.web.snapshot import Snapshot

LONGEST_CHARS: Final = 1_024
"""Few addresses of ours are longer, and their pages can be made anew."""


class Address(NamedTuple):
    """Where a page is. `key` tells apart pages of one address that are not the same for everybody."""

    key: str
    path: str
    query: bytes

    @property
    def is_long(self) -> bool:
        """Whether its page is not to be kept: addresses take memory too."""
        return len(self.key) + len(self.path) + len(self.query) > LONGEST_CHARS


class Dated(NamedTuple):
    """A page, and when somebody began to make it."""

    made: Made
    at_s: float


class Renewal(Protocol):
    """Makes a page of another snapshot."""

    def at_once(self, snapshot: Snapshot) -> Content | None:
        """Return the page, where that takes less than to look for its route; else None."""

    def has_news(self, snapshot: Snapshot) -> bool:
        """Whether something is to be read for the page."""

    def anew(self, snapshot: Snapshot) -> Content:
        """Return the page, with what is to be read for it."""


class Page(NamedTuple):
    """What is made of a snapshot's page since `at_s`, and what was made of it before, until this one is there.

    `turn` is that in which it is made, `watched_at_s` when somebody asked last for a page that was asked for in an
    earlier snapshot too.
    """

    version: int
    at_s: float
    making: "asyncio.Future[Made]"
    turn: Turn | None = None
    before: Dated | None = None
    renewal: Renewal | None = None
    watched_at_s: float = -math.inf

    @property
    def is_made(self) -> bool:
        """Whether it is there."""
        return self.making.done() and not self.making.cancelled() and self.making.exception() is None

    @property
    def kept_bytes(self) -> int:
        """What it takes to keep it, as far as it is there."""
        of_before = self.before.made.kept_bytes if self.before else 0
        return of_before + (self.making.result().kept_bytes if self.is_made else 0)

    def again(self, snapshot: Snapshot) -> Made | None:
        """Return what is made already of another snapshot, where that is quick; else None."""
        content = self.renewal.at_once(snapshot) if self.renewal else None
        return None if content is None else make(content, self.making.result().media_type)


def address_of(scope: Scope, key: str = "", *, is_query_read: bool = True) -> Address:
    """Return what a request asks for. Where no query is read, all are the same."""
    return Address(key, scope["path"], scope["query_string"] if is_query_read else b"")
