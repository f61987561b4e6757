"""However often regions were offline: a decision reads few of their outages."""

from datetime import timedelta
from typing import Any

import pytest

from sitemon.store.connectivity import Connectivity
from sitemon.store.deciding import begin_deciding
from tests.databases import execute
from tests.integration.alert.scene import Scene
from tests.results import MINUTE, this_hour

OFTEN = """
    INSERT INTO sitemon.region_outage (region, from_at, until_at)
    SELECT region, %(last)s - n * '20 minutes'::interval, %(last)s - n * '20 minutes'::interval + '5 minutes'::interval
    FROM unnest(ARRAY['default', 'eu']) AS region, generate_series(0, 999) AS n
"""


@pytest.fixture
def read(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many outages are read, each time that any are; both regions were offline a thousand times."""
    execute(scene.conn, OFTEN, {"last": this_hour() - timedelta(hours=1)})
    asked = Connectivity._all
    counts: list[int] = []

    def counted(self: Connectivity, name: str, **values: object) -> list[Any]:
        found = asked(self, name, **values)
        counts.append(len(found) if "outages" in name else 0)
        return found

    monkeypatch.setattr(Connectivity, "_all", counted)
    return counts


def test_that_is_the_last_one_before_a_failure_and_those_since(scene: Scene, read: list[int]) -> None:
    scene.arrive(*scene.results("u", -90))
    for minute, letter in enumerate("uddd"):
        scene.arrive(*scene.results(letter, minute))
    assert scene.said == [("site.down", 1, None)]
    assert max(read) == 1


def test_what_lies_in_one_of_them_says_nothing_all_the_same(scene: Scene, read: list[int]) -> None:
    for minute in range(-62, -52):
        scene.arrive(*scene.results("d" if minute >= -60 else "u", minute))
    assert scene.said == [("site.down", -55, None)]
    assert max(read) == 1


def test_those_are_found_that_may_cover_a_slot_since_a_moment(scene: Scene, read: list[int]) -> None:
    since = this_hour() - 90 * MINUTE
    with begin_deciding(scene.conn) as deciding:
        found = deciding.connectivity.outages({"default": since, "us": since})
        first = deciding.connectivity.outages({"eu": since - timedelta(days=365)})
    assert sorted((one.region, one.from_at - this_hour()) for one in found) == [
        ("default", -minutes * MINUTE) for minutes in (100, 80, 60)
    ]
    assert len(first) == 1_000
