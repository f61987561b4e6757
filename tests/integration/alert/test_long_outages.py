"""Of an incident that began before the oldest row that is kept: what comes late does not say that it began later."""

import pytest

from tests.databases import execute
from tests.integration.alert.scene import Said, Scene
from tests.results import MINUTE, this_hour

FORGET = "DELETE FROM sitemon.result WHERE slot_at < %s"
FORGET_STATES = "UPDATE sitemon.incident_state SET state = '[]'"
"""As an alerter of another version kept them, which reads the rows again then."""


@pytest.mark.parametrize(
    ("kept_from", "late", "later"),
    [
        pytest.param(5, "d", [], id="it lasts"),
        pytest.param(5, "u", [("site.resolved", 1, 4.5), ("site.down", 5, None)], id="it was over before"),
        pytest.param(2, "d", [], id="its first rows are gone"),
        pytest.param(60, " ", [], id="nothing is kept"),
    ],
)
def test_it_begins_when_it_began(scene: Scene, kept_from: int, late: str, later: list[Said]) -> None:
    for result in scene.results("u" + "d" * 12):
        scene.arrive(result)
    execute(scene.conn, FORGET, (this_hour() + kept_from * MINUTE,))
    execute(scene.conn, FORGET_STATES)
    execute(scene.conn, MARK, (this_hour() + 12 * MINUTE,))
    scene.arrive(*scene.results(late, start=kept_from - 0.5))
    assert scene.said == [("site.down", 1, None), *later]


MARK = "INSERT INTO sitemon.undecided (site_id, from_at) SELECT site_id, %s FROM sitemon.site"
