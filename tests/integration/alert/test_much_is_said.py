"""However much is said at once, little of it is in one statement, and all has its turn as if it had been in one."""

from collections.abc import Iterable, Iterator, Mapping

import pytest

from sitemon.store import deciding
from tests.databases import execute, rows
from tests.integration.alert.scene import Scene
from tests.integration.alert.test_fair_order import event_of, say

PIECE_BYTES = 2_000
SITES = [f"site-{number % 7}" for number in range(60)]
SAID = "SELECT site_name, channel, turn FROM sitemon.outbox ORDER BY outbox_id"


def test_in_pieces_it_has_the_same_turns(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []
    pieces = deciding._pieces

    def noted(said: Iterable[Mapping[str, object]]) -> Iterator[str]:
        for piece in pieces(said):
            lengths.append(len(piece))
            yield piece

    say(scene.conn, SITES)
    at_once = rows(scene.conn, SAID)
    execute(scene.conn, "DELETE FROM sitemon.outbox")
    monkeypatch.setattr(deciding, "_pieces", noted)
    monkeypatch.setattr(deciding, "_PIECE_BYTES", PIECE_BYTES)
    say(scene.conn, SITES)
    assert rows(scene.conn, SAID) == at_once
    assert max(lengths) < PIECE_BYTES + 2 * len(str(event_of("site-1")))
    assert sum(lengths) > 5 * PIECE_BYTES


def test_nothing_is_no_statement() -> None:
    assert list(deciding._pieces([])) == []
