"""What changes at the same moment is told to each listener at once, however much it is."""

import asyncio
from typing import Any

import pytest

from sitemon.store.page import Present
from sitemon.web.api import events
from sitemon.web.snapshot import Snapshot, snapshot_of
from tests.unit.web.watches import NOW, a_watch

SITES = 500
WITHIN_S = 10


def a_snapshot(version: int, state: str) -> Snapshot:
    watches = [a_watch(f"site-{number}", state) for number in range(SITES)]
    return snapshot_of(version, NOW, Present(NOW, watches, []))


class Web:
    """All sites are up, and down from the second look on."""

    def __init__(self) -> None:
        self._snapshots = [a_snapshot(1, "up"), a_snapshot(2, "down")]

    async def snapshot(self) -> Snapshot:
        return self._snapshots.pop(0) if len(self._snapshots) > 1 else self._snapshots[0]


async def heard() -> tuple[bytes, bytes, int]:
    web: Any = Web()
    broadcast = events.Broadcast(web)
    async with broadcast.listen() as one, broadcast.listen() as other:
        first, second = await asyncio.gather(one.get(), other.get())
        return first, second, one.qsize()


def test_what_changes_at_once_is_one_text_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_LOOK_EVERY_S", 0.01)
    first, second, rest = asyncio.run(asyncio.wait_for(heard(), WITHIN_S))
    assert first is second
    assert first.count(b"event: state\n") == SITES
    assert rest == 0
