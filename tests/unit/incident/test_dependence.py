"""Whether somebody is told of an incident of a site that depends on others."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from sitemon.incident.dependence import Gateway, Standing, all_gateways, standing
from sitemon.incident.machine import Incident
from sitemon.incident.rows import Cause
from tests.unit.incident.rows import at

PERSISTS = SETTLES = timedelta(minutes=4)
TELL, WAIT = Standing(is_told=True), Standing(is_told=False)
BEHIND = Standing(is_told=False, behind="gateway")


def gateway(
    *outages: tuple[float, float | None],
    well_at: float | None = None,
    is_failing: bool = False,
    undecided_from: float | None = None,
    maintained_until: float | None = None,
    windows: Sequence[tuple[float, float]] = (),
    name: str = "gateway",
) -> Gateway:
    """Return what is known of a gateway, in minutes."""
    return Gateway(
        name,
        [(at(start), None if end is None else at(end)) for start, end in outages],
        None if well_at is None else at(well_at),
        is_failing,
        None if undecided_from is None else at(undecided_from),
        None if maintained_until is None else at(maintained_until),
        SETTLES,
        [(at(start), at(end)) for start, end in windows],
    )


def stand(*gateways: Gateway, now: float, ended: float | None = None, undecided_from: float | None = None) -> Standing:
    """Return where an incident stands that began at minute 10 and was decided at minute 12."""
    end = None if ended is None else at(ended)
    waiting = None if undecided_from is None else at(undecided_from)
    return standing(Incident(at(10), at(12), ("eu",), Cause(), end, end), gateways, at(now), PERSISTS, waiting)


@pytest.mark.parametrize(
    ("known", "now", "expected"),
    [
        pytest.param(gateway(well_at=11), 12, TELL, id="the gateway is well"),
        pytest.param(gateway(well_at=9), 12, WAIT, id="it was well before, and was not looked at since"),
        pytest.param(gateway(well_at=9), 16, TELL, id="for so long that it would be down by now"),
        pytest.param(gateway(well_at=9, undecided_from=15), 16, WAIT, id="or rows of it wait by which it may be"),
        pytest.param(gateway(well_at=9, undecided_from=17), 18, TELL, id="those that wait are of later"),
        pytest.param(gateway(well_at=18, undecided_from=15), 18, WAIT, id="it is well, and may have been down before"),
        pytest.param(gateway(well_at=18, undecided_from=17), 18, TELL, id="it is well, and was not down before"),
        pytest.param(gateway(is_failing=True), 13, WAIT, id="it has begun to fail"),
        pytest.param(gateway((11, None), is_failing=True), 13, BEHIND, id="it is down"),
        pytest.param(gateway((5, None), is_failing=True), 500, BEHIND, id="for long"),
        pytest.param(gateway((5, 9), well_at=12), 12, TELL, id="it was down before"),
        pytest.param(gateway((5, 30), well_at=30), 33, BEHIND, id="it is back, and the site may follow"),
        pytest.param(gateway((5, 30), well_at=33), 34, TELL, id="the site does not"),
        pytest.param(gateway(is_failing=True, maintained_until=60), 50, BEHIND, id="it fails in maintenance"),
        pytest.param(gateway(well_at=12, maintained_until=60), 12, TELL, id="it is well in maintenance"),
        pytest.param(gateway(is_failing=True, maintained_until=60), 63, WAIT, id="it fails after its maintenance"),
    ],
)
def test_an_incident_that_lasts(known: Gateway, now: float, expected: Standing) -> None:
    assert stand(known, now=now) == expected


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        pytest.param(gateway((11, 20), well_at=20), BEHIND, id="it lay behind an outage"),
        pytest.param(gateway((11, None)), BEHIND, id="of one that lasts"),
        pytest.param(gateway((5, 9), well_at=11), TELL, id="not behind one that was over"),
        pytest.param(gateway((14, None)), WAIT, id="nor behind one that came later"),
        pytest.param(gateway(well_at=11), TELL, id="the gateway was well"),
    ],
)
def test_an_incident_that_is_over(known: Gateway, expected: Standing) -> None:
    assert stand(known, now=13, ended=13) == expected


@pytest.mark.parametrize(
    ("known", "ended", "expected"),
    [
        pytest.param([gateway((5, 30))], 33, BEHIND, id="the site followed the gateway"),
        pytest.param([gateway((5, 30))], 34, TELL, id="it lasted on"),
        pytest.param([gateway((16, 30))], 33, BEHIND, id="the gateway was down in time"),
        pytest.param([gateway((17, 30))], 33, TELL, id="it failed too late"),
        pytest.param([gateway((5, 20), (24, 30))], 33, BEHIND, id="it was down again before the site could follow"),
        pytest.param([gateway((5, 20), (25, 30))], 33, TELL, id="or only then"),
        pytest.param(
            [gateway((22, 30)), gateway((5, 20), name="line")],
            33,
            Standing(is_told=False, behind="line"),
            id="one after the other",
        ),
    ],
)
def test_what_is_over_is_told_where_people_would_have_been_told_meanwhile(
    known: list[Gateway], ended: float, expected: Standing
) -> None:
    assert stand(*known, now=500, ended=ended) == expected


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        pytest.param([(0, 60)], BEHIND, id="it failed in its window"),
        pytest.param([(0, 20)], TELL, id="the site was still down after it, and lasted on"),
        pytest.param([(0, 20), (22, 60)], BEHIND, id="it was maintained again before the site could follow"),
        pytest.param([(30, 60)], TELL, id="it was maintained only later"),
    ],
)
def test_what_lay_behind_a_gateway_in_its_maintenance(
    windows: Sequence[tuple[float, float]], expected: Standing
) -> None:
    known = gateway(windows=windows, maintained_until=windows[-1][1])
    incident = Incident(at(10), at(12), ("eu",), Cause(), at(34), at(34))
    assert standing(incident, [known], at(500), PERSISTS, was_behind="gateway") == expected
    assert standing(incident, [known], at(500), PERSISTS, was_behind=None) == TELL


@pytest.mark.parametrize(("undecided_from", "is_settled"), [(33, False), (34, True)])
def test_where_rows_of_the_gateway_wait_it_is_not_settled(undecided_from: float, is_settled: bool) -> None:
    known = gateway((5, 30), undecided_from=undecided_from)
    assert stand(known, now=500, ended=33) == BEHIND._replace(is_settled=is_settled)


@pytest.mark.parametrize(("undecided_from", "expected"), [(None, TELL), (33, BEHIND), (35, TELL)])
def test_whether_the_site_follows_a_gateway_that_is_back_its_rows_say(
    undecided_from: float | None, expected: Standing
) -> None:
    assert stand(gateway((5, 30), well_at=59), now=60, undecided_from=undecided_from) == expected


def test_the_farthest_that_is_down_is_named() -> None:
    near, far = gateway((11, None)), gateway((11, None), name="line")
    assert stand(near, far, now=13) == Standing(is_told=False, behind="line")
    assert stand(near, gateway(well_at=12, name="line"), now=13) == BEHIND


def test_without_gateways_it_is_time() -> None:
    assert stand(now=12) == TELL


def test_all_gateways_are_found_once_the_nearest_first() -> None:
    behind = {"shop": ["balancer", "database"], "balancer": ["line"], "database": ["line"], "line": []}
    assert all_gateways("shop", behind.__getitem__) == ["balancer", "database", "line"]
