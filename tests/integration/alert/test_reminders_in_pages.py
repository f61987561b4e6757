"""Open incidents are looked at in pages by a key: each is there once, however they fall on pages."""

import pytest

from sitemon.store.incident import Open, open_numbers
from tests.databases import execute, rows
from tests.integration.alert.scene import Scene

AT_ONCE = 2
AN_HOUR_AND_MORE_H = 2.0


@pytest.fixture
def sites(scene: Scene, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[str]:
    """So many sites that are down, the last one first, of which somebody was told two hours ago."""
    monkeypatch.setattr("sitemon.alert.decide._INCIDENTS_AT_ONCE", AT_ONCE)
    scene.use(scene.receiver.channel(), remind_every_s=3600.0)
    names = [f"site-{number}" for number in range(request.param)]
    scene.write([one for name in names for one in scene.results("u", site=name)])
    for name in reversed(names):
        scene.arrive(*scene.results("ddd", start=1, site=name))
    scene.pass_time(hours=AN_HOUR_AND_MORE_H)
    return names


def reminded_of(scene: Scene) -> list[str]:
    """Of which sites somebody was reminded, in this order."""
    return [event["data"]["site"] for event in scene.receiver.events if event["type"] == "site.reminder"]


@pytest.mark.parametrize("sites", [1, 2, 3, 4, 5], indirect=True)
def test_somebody_is_reminded_of_each_once(scene: Scene, sites: list[str]) -> None:
    scene.remind()
    assert sorted(reminded_of(scene)) == sites


@pytest.mark.parametrize("sites", [4, 5], indirect=True)
def test_the_next_turn_begins_with_the_first_again(scene: Scene, sites: list[str]) -> None:
    for _ in range(2):
        scene.remind()
        scene.pass_time(hours=AN_HOUR_AND_MORE_H)
    assert sorted(reminded_of(scene)) == sorted(2 * sites)


@pytest.mark.parametrize("sites", [5], indirect=True)
def test_one_that_ends_between_pages_hides_none_that_follows(scene: Scene, sites: list[str]) -> None:
    assert scene.decider.remind(scene.conn)
    scene.send()
    first = reminded_of(scene)
    ((last,),) = rows(scene.conn, "SELECT max(site_id) FROM sitemon.site WHERE name = ANY (%s)", (first,))
    execute(scene.conn, "UPDATE sitemon.incident SET ended_at = now() WHERE site_id = %s", (last,))
    scene.remind()
    assert sorted(reminded_of(scene)) == sites


@pytest.mark.usefixtures("sites")
@pytest.mark.parametrize("sites", [3], indirect=True)
def test_two_of_a_site_that_lie_on_two_pages_are_both_looked_at(scene: Scene) -> None:
    copied = """
        INSERT INTO sitemon.incident (site_id, started_at, opened_by_at, regions, reason, decided_at)
        SELECT site_id, started_at, opened_by_at, regions, reason, decided_at
        FROM sitemon.incident
        ORDER BY site_id
        OFFSET 1
        LIMIT 1
    """
    execute(scene.conn, copied)
    pages, after = list[list[Open]](), Open(0, 0)
    while page := open_numbers(scene.conn, after, AT_ONCE):
        pages.append(page)
        after = page[-1]
    assert [one.site_id for page in pages for one in page] == [1, 2, 2, 3]
    assert sorted(one.number for page in pages for one in page) == [1, 2, 3, 4]
