"""A decision reads few windows of maintenance, however many a site had, and has ahead."""

from datetime import timedelta

from sitemon.store.incident import take_sites
from tests.databases import execute, looks_at
from tests.integration.alert.scene import Scene, undecided_ids
from tests.results import this_hour

STRETCHES = """
INSERT INTO sitemon.maintenance_stretch (site_id, from_at, until_at)
SELECT site_id, from_at, from_at + '1 s'::interval
FROM sitemon.site
CROSS JOIN generate_series(%(at)s - '2000 s'::interval, %(at)s + '6000 s'::interval, '4 s') AS from_at
"""


def test_it_reads_those_in_which_rows_lie(scene: Scene) -> None:
    scene.write(scene.results("uuuuudddd"))
    assert execute(scene.conn, STRETCHES, {"at": this_hour()}) == 2_001
    read = looks_at(scene.conn, "maintenance_stretch")
    [site_id] = undecided_ids(scene.conn)
    with take_sites(scene.conn, [site_id]) as taken:
        rows, _ = taken.rows({site_id: this_hour()}, {site_id: ["default"]}, 100)
    assert [row.is_maintained for row in rows[site_id]] == [False] * 5 + [True] * 4
    assert looks_at(scene.conn, "maintenance_stretch") - read < 150


def test_none_that_lies_ahead_is_read_for_an_incident(scene: Scene) -> None:
    scene.arrive(*scene.results("uuuuu"))
    assert execute(scene.conn, STRETCHES, {"at": this_hour() + timedelta(days=1)}) == 2_001
    scene.write(scene.results("dddd", start=5))
    read = looks_at(scene.conn, "maintenance_stretch")
    scene.decide()
    assert scene.incidents == [(5, None)]
    assert looks_at(scene.conn, "maintenance_stretch") - read < 20
