"""Sites that depend on very many others: all of these are looked for where they matter, not where it is decided."""

from collections.abc import Callable, Iterable

import pytest

from sitemon import clock
from sitemon.alert.decide import Decider
from sitemon.alert.rules import Rulebook
from sitemon.incident.dependence import all_gateways
from sitemon.model.site import Site
from tests.integration.alert.scene import Scene

NAMES = [f"site-{number}" for number in range(10)]
SITES = {
    name: Site(name=name, url="https://shop.example/", regions=("default",), depends_on=tuple(NAMES[:number]))
    for number, name in enumerate(NAMES)
}


@pytest.fixture
def walked(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of which sites all on which they depend were looked for."""

    def noted(site: str, depends_on: Callable[[str], Iterable[str]]) -> list[str]:
        found.append(site)
        return all_gateways(site, depends_on)

    found: list[str] = []
    monkeypatch.setattr("sitemon.alert.rules.all_gateways", noted)
    book = Rulebook(SITES, clock.utc_now())
    scene.decider = Decider(book.rules_of, scene.alerts, clock.utc_now, by_sites=False)
    return found


def test_they_are_not_looked_for_to_know_whose_turn_it_is(scene: Scene, walked: list[str]) -> None:
    scene.write([one for name in NAMES for one in scene.results("ud", site=name)])
    assert scene.decider.decide(scene.conn, most=4) == 4
    assert not walked


def test_where_one_is_held_those_of_its_gateways_are_not_looked_for(scene: Scene, walked: list[str]) -> None:
    scene.write(scene.results("uddddd", site=NAMES[-1]))
    scene.decide()
    while scene.decider.release(scene.conn):
        pass
    assert walked == [NAMES[-1]]


def test_nor_where_one_is_degraded(scene: Scene, walked: list[str]) -> None:
    scene.write(scene.results("uggggg", site=NAMES[-1]))
    scene.decide()
    while scene.decider.tell_degraded(scene.conn):
        pass
    assert walked == [NAMES[-1]]
