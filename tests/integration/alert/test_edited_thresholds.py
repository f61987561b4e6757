"""Thresholds that are edited again and again: what is kept of them."""

from datetime import timedelta

import pytest

from sitemon.incident.policy import Policy
from sitemon.model.outcome import Outcome
from sitemon.store import incident
from sitemon.store.incident import take_sites
from tests.databases import execute, rows
from tests.integration.alert.scene import Scene, undecided_ids
from tests.results import MINUTE, a_result, this_hour

MOST = 3


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident, "_MOST_POLICIES", MOST)


def noted(scene: Scene, site: str) -> list[int]:
    query = "SELECT down_after FROM sitemon.incident_policy JOIN sitemon.site USING (site_id) WHERE name = %(site)s"
    return [down_after for (down_after,) in rows(scene.conn, f"{query} ORDER BY from_at", {"site": site})]


def test_the_newest_edits_of_a_site_are_kept(scene: Scene) -> None:
    for minute in range(5):
        for site in ("often", "shop"):
            down_after = minute + 1 if site == "often" else 9
            now = this_hour() + minute * MINUTE
            scene.use(scene.receiver.channel(), policy=Policy(down_after=down_after), now=now)
            scene.write([a_result(site, minute=minute, outcome=Outcome.DOWN)])
            scene.decide()
    assert noted(scene, "often") == [3, 4, 5]
    assert noted(scene, "shop") == [9]


def test_no_more_are_read_though_there_are(scene: Scene) -> None:
    scene.arrive(a_result(outcome=Outcome.DOWN))
    add = """
        INSERT INTO sitemon.incident_policy (site_id, from_at, down_after, up_after)
        SELECT site_id, now() + n * '1 s'::interval, n, 1 FROM sitemon.site CROSS JOIN generate_series(1, 9) AS n
    """
    execute(scene.conn, add)
    scene.write([a_result(minute=1, outcome=Outcome.DOWN)])
    with take_sites(scene.conn, undecided_ids(scene.conn)) as taken:
        [site_id] = taken.names
        [edited] = taken.policies({site_id: None}, this_hour() + timedelta(hours=1)).values()
    assert [policy.down_after for _, policy in edited.edits] == [7, 8, 9]
