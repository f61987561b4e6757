"""Sites with a past of ninety days, for the page: results by our own store, older sums straight into their tables."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sitemon.model.moment import to_ms
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Certificate, Phases, Result
from sitemon.model.schedule import Started
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.schedule import write_notices
from sitemon.store.write import write_batch
from tests.databases import execute, open_account, sum_last_days
from tests.results import a_result

MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
_PATIENCE_MS: Final = 3_600_000
"""So long does a test take at most: nothing becomes unknown meanwhile by itself."""
_AT_ONCE: Final = 5_000
_WITH_LATENCIES: Final = 20
"""So many sites have latencies of ninety days; the others have what the overview shows."""

_DAYS = """
INSERT INTO sitemon.count_day (day, site_id, region_id, up, degraded, down, missed)
SELECT day, site_id, region_id, 288 - down - missed - degraded, degraded, down, missed
FROM (
    SELECT
        day::date AS day,
        site_id,
        region_id,
        CASE WHEN luck < %(badness)s THEN (luck * 17 * 288)::integer %% 60 + 1 ELSE 0 END AS down,
        CASE WHEN luck > 0.985 THEN 40 ELSE 0 END AS missed,
        CASE WHEN luck BETWEEN 0.9 AND 0.9 + %(badness)s THEN 30 ELSE 0 END AS degraded
    FROM generate_series(
        %(today)s::timestamp - '89 days'::interval, %(today)s::timestamp - '1 day'::interval, '1 day'
    ) AS day
    CROSS JOIN (SELECT site_id FROM sitemon.site WHERE name = ANY(%(sites)s)) AS site
    CROSS JOIN (SELECT region_id FROM sitemon.region) AS region
    CROSS JOIN LATERAL (SELECT (hashtextextended(site_id || ':' || day, 0) & 65535) / 65536.0 AS luck) AS chance
) AS days
ON CONFLICT DO NOTHING
"""
_BAD_DAY = """
UPDATE sitemon.count_day SET up = 60, degraded = 0, down = 200, missed = 28
WHERE day = %(day)s AND site_id = (SELECT site_id FROM sitemon.site WHERE name = %(site)s)
"""
_UNSEEN_DAYS = """
UPDATE sitemon.count_day SET up = 0, degraded = 0, down = 0, missed = 288 WHERE day BETWEEN %(first)s AND %(last)s
"""
_LATENCIES = """
INSERT INTO sitemon.latency_{part} ({part_at}, site_id, region_id, bucket, checks)
SELECT at, site_id, region_id, base + place, (ARRAY[60, 120, 70, 30, 8])[place]
FROM generate_series(%(first)s::timestamptz, %(last)s::timestamptz - '1 second'::interval, %(step)s::interval) AS at
CROSS JOIN (SELECT site_id FROM sitemon.site WHERE name = ANY(%(sites)s)) AS site
CROSS JOIN (SELECT region_id FROM sitemon.region) AS region
CROSS JOIN LATERAL (
    SELECT 24 + site_id %% 12 + (hashtextextended(site_id || ':' || at, 1) & 3)::integer AS base
) AS wave
CROSS JOIN generate_series(1, %(buckets)s) AS place
ON CONFLICT DO NOTHING
"""
_HOURS = """
INSERT INTO sitemon.count_hour (hour_at, site_id, region_id, up, degraded, down, missed)
SELECT at, site_id, region_id, 12 - down - missed, 0, down, missed
FROM generate_series(%(first)s::timestamptz, %(last)s::timestamptz - '1 second'::interval, '1 hour') AS at
CROSS JOIN (SELECT site_id FROM sitemon.site WHERE name = ANY(%(sites)s)) AS site
CROSS JOIN (SELECT region_id FROM sitemon.region) AS region
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN hash < 12 THEN 4 ELSE 0 END AS down,
        CASE WHEN hash > 1010 THEN 6 ELSE 0 END AS missed
    FROM (SELECT hashtextextended(site_id || '/' || at, 2) & 1023 AS hash) AS chance
) AS luck
ON CONFLICT DO NOTHING
"""
_INCIDENT = """
INSERT INTO sitemon.incident (
    site_id, started_at, ended_at, opened_by_at, closed_by_at, regions, reason, http_code, error, decided_at,
    acknowledged_at, acknowledged_by
)
SELECT
    site_id, %(started_at)s, %(ended_at)s, %(started_at)s, %(ended_at)s, ARRAY['default'], %(reason)s, %(http_code)s,
    %(error)s, %(started_at)s::timestamptz + '2 minutes'::interval, %(acknowledged_at)s, %(acknowledged_by)s
FROM sitemon.site WHERE name = %(site)s
RETURNING incident_id
"""
_ALERT = """
INSERT INTO sitemon.outbox (event_id, channel, type, incident_id, event, created_at, tries, delivered_at, problem)
SELECT
    gen_random_uuid(), %(channel)s, %(type)s, incident_id,
    jsonb_build_object('data', jsonb_build_object('site', %(site)s::text)), %(at)s, %(tries)s, %(delivered_at)s,
    %(problem)s
FROM sitemon.incident WHERE started_at = %(started_at)s
"""


class Plan(NamedTuple):
    """A site of the scene. `now` is how it is: up, degraded, down, missed."""

    name: str
    now: Outcome = Outcome.UP
    reason: Reason | None = None
    http_code: int | None = None
    error: str | None = None
    labels: Mapping[str, str] = MappingProxyType({})
    latency_s: float = 0.12
    region: str = "default"


FEW: Final = (
    Plan("shop", labels={"team": "web", "env": "prod"}, latency_s=0.18),
    Plan("checkout", Outcome.DOWN, Reason.HTTP_STATUS, 503, "status 503 is not one of 200-299", {"team": "pay"}),
    Plan("payments-api", Outcome.DEGRADED, Reason.TOO_SLOW, 200, None, {"team": "pay", "env": "prod"}, 1.9),
    Plan("search", Outcome.MISSED, Reason.LATE, None, None, {"team": "web", "env": "prod"}, 0.07),
    Plan("blog", labels={"team": "web", "env": "prod"}, latency_s=0.31),
    Plan("docs", labels={"team": "web"}, latency_s=0.05),
    Plan("auth", labels={"team": "platform", "env": "prod"}, latency_s=0.04),
    Plan("mail", labels={"team": "platform"}, latency_s=0.09),
    Plan("cdn", labels={"team": "platform", "env": "prod"}, latency_s=0.02),
    Plan("warehouse", Outcome.DOWN, Reason.TIMEOUT, None, "no answer within 10 s", {"team": "data"}, 10.0),
    Plan("reports", labels={"team": "data"}, latency_s=0.62),
    Plan("status-page", labels={"team": "platform"}, latency_s=0.03),
    Plan("www.example.org", labels={"team": "web", "env": "prod"}, latency_s=0.11),
)


def many(count: int, seed: int = 7) -> list[Plan]:
    """Return so many sites, of which a few are not well."""
    random = Random(seed)
    words = ("api", "shop", "blog", "auth", "mail", "cdn", "docs", "feed", "pay", "search", "stock", "maps")
    teams = ("web", "pay", "platform", "data", "mobile")
    plans = []
    for number in range(count):
        luck = random.random()
        kind = next(n for n, least in enumerate((0.99, 0.98, 0.965, 0.0)) if luck >= least)
        now, reason, code = (
            (Outcome.DOWN, Reason.HTTP_STATUS, 502),
            (Outcome.MISSED, Reason.SHED, None),
            (Outcome.DEGRADED, Reason.TOO_SLOW, 200),
            (Outcome.UP, None, 200),
        )[kind]
        labels = {"team": teams[number % 5], "env": ("prod", "stage")[number % 2]}
        plans.append(
            Plan(f"{words[number % 12]}-{number:05}", now, reason, code, None, labels, random.lognormvariate(-2, 0.6))
        )
    return plans


def populate(
    conn: Connection, plans: Sequence[Plan], now: datetime, *, hours: float = 24, step: timedelta = 5 * MINUTE
) -> None:
    """Write these sites: results of some hours, the last of them a moment ago, and sums of ninety days before."""
    names = Names()
    slots = [now - n * step for n in range(int(timedelta(hours=hours) / step), -1, -1)]
    open_account(conn, now)
    write_notices(conn, names, [_started(plan, n, now, step) for n, plan in enumerate(plans, 1)])
    _write_results(conn, names, plans, slots)
    _write_past(conn, plans, slots[0], now)
    execute(conn, "UPDATE sitemon.account SET closed_ms = %s", (to_ms(now),))
    conn.autocommit = True
    with conn.cursor() as cursor:
        cursor.execute("ANALYZE")
    conn.autocommit = False
    sum_last_days(conn)


def _started(plan: Plan, number: int, now: datetime, step: timedelta) -> Started:
    return Started(
        site=plan.name,
        region=plan.region,
        token=1,
        sequence=number,
        at_ms=to_ms(now - DAY) - 1,
        interval_ms=int(step / timedelta(milliseconds=1)),
        from_slot_ms=to_ms(now - DAY),
        patience_ms=_PATIENCE_MS,
        labels=dict(plan.labels),
    )


def _write_results(conn: Connection, names: Names, plans: Sequence[Plan], slots: Sequence[datetime]) -> None:
    held: list[Result] = []
    for number, plan in enumerate(plans):
        held += results_of(plan, slots, Random(number))
        if len(held) >= _AT_ONCE:
            write_batch(conn, names, held)
            held = []
    write_batch(conn, names, held)


def results_of(plan: Plan, slots: Sequence[datetime], random: Random) -> Iterator[Result]:
    """Give the results of a site: mostly good, and for the last seventh as the plan says."""
    expires_at = slots[-1] + 41 * DAY
    begin = len(slots) - max(1, len(slots) // 7) if plan.now is not Outcome.UP else len(slots)
    for place, slot_at in enumerate(slots):
        latency_s = plan.latency_s * random.lognormvariate(0, 0.25) * (1.2 + 0.3 * math.sin(place / 20))
        is_odd = random.random() < 0.004
        if place >= begin:
            yield _result(plan, slot_at, latency_s)
        elif is_odd:
            yield a_result(plan.name, slot_at=slot_at, region=plan.region, outcome=Outcome.MISSED)
        else:
            certificates = _chain(plan, expires_at) if place % 12 == 0 else None
            yield _good(plan, slot_at, min(latency_s, 2.0), cert_expires_at=expires_at, certificates=certificates)


def _chain(plan: Plan, expires_at: datetime) -> tuple[Certificate, ...]:
    issuer, root = "CN=Example TLS CA 3,O=Example Trust,C=FI", "CN=Example Root,O=Example Trust,C=FI"
    return (
        Certificate(
            subject=f"CN={plan.name}.example", issuer=issuer, begins_at=expires_at - 90 * DAY, expires_at=expires_at
        ),
        Certificate(subject=issuer, issuer=root, begins_at=expires_at - 700 * DAY, expires_at=expires_at + 1_100 * DAY),
    )


def _good(plan: Plan, slot_at: datetime, latency_s: float, **fields: Any) -> Result:
    shares = {"dns": 0.05, "connect": 0.15, "tls": 0.25, "first_byte": 0.45, "download": 0.1}
    return a_result(
        plan.name,
        slot_at=slot_at,
        region=plan.region,
        latency_s=latency_s,
        phases_s=Phases(**{phase: share * latency_s for phase, share in shares.items()}),
        ip="192.0.2.10",
        **fields,
    )


def _result(plan: Plan, slot_at: datetime, latency_s: float) -> Result:
    fields: dict[str, Any] = {"outcome": plan.now, "reason": plan.reason, "http_code": plan.http_code}
    if plan.now is not Outcome.MISSED:
        fields |= {"latency_s": latency_s, "error": plan.error}
    return a_result(plan.name, slot_at=slot_at, region=plan.region, **fields)


def _write_past(conn: Connection, plans: Sequence[Plan], until: datetime, now: datetime) -> None:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    sites = [plan.name for plan in plans]
    few, others = sites[:_WITH_LATENCIES], sites[_WITH_LATENCIES:]
    values = {"sites": sites, "today": today.replace(tzinfo=None), "badness": 0.03}
    execute(conn, _DAYS, values)
    execute(conn, _UNSEEN_DAYS, {"first": (today - 41 * DAY).date(), "last": (today - 40 * DAY).date()})
    days = {"sites": few, "first": today - 89 * DAY, "last": today, "step": "1 day", "buckets": 5}
    execute(conn, _LATENCIES.format(part="day", part_at="day"), days)
    last_hour = until.replace(minute=0, second=0, microsecond=0)
    execute(conn, _HOURS, {"sites": few, "first": today - 15 * DAY, "last": last_hour})
    hours = {"sites": few, "first": today - 30 * DAY, "last": last_hour, "step": "1 hour", "buckets": 5}
    execute(conn, _LATENCIES.format(part="hour", part_at="hour_at"), hours)
    of_overview = {"sites": others, "first": last_hour - 23 * timedelta(hours=1), "buckets": 1}
    execute(conn, _LATENCIES.format(part="hour", part_at="hour_at"), hours | of_overview)


def bad_day(conn: Connection, site: str, day: datetime) -> None:
    """Let a site have been down for most of a day."""
    execute(conn, _BAD_DAY, {"site": site, "day": day.date()})


def incident(
    conn: Connection, site: str, started_at: datetime, ended_at: datetime | None = None, **fields: Any
) -> None:
    """Write an incident, and the alerts of two channels."""
    given = {"reason": "http_status", "http_code": 503, "error": None, "acknowledged_at": None, "acknowledged_by": None}
    values = {"site": site, "started_at": started_at, "ended_at": ended_at} | given | fields
    execute(conn, _INCIDENT, values)
    told = started_at + 3 * MINUTE
    common = {"site": site, "started_at": started_at, "type": "site.down", "at": told}
    execute(conn, _ALERT, common | {"channel": "ops", "tries": 1, "delivered_at": told, "problem": None})
    refused = {"channel": "hook", "tries": 3, "delivered_at": None, "problem": "answered 503"}
    execute(conn, _ALERT, common | refused)
    if ended_at:
        resolved = {"channel": "ops", "tries": 1, "delivered_at": ended_at + MINUTE, "problem": None}
        execute(conn, _ALERT, common | {"type": "site.resolved", "at": ended_at + MINUTE} | resolved)


def few_with_incidents(conn: Connection, now: datetime) -> None:
    """Write thirteen sites, of which two are down, one is slow and one unseen; shop had a bad day three weeks ago."""
    populate(conn, FEW, now)
    bad_day(conn, "shop", now - 23 * DAY)
    incident(conn, "checkout", now - timedelta(hours=3.4), error="status 503 is not one of 200-299")
    fields: dict[str, Any] = {
        "reason": "timeout",
        "http_code": None,
        "acknowledged_by": "ann",
        "acknowledged_at": now - 50 * MINUTE,
    }
    incident(conn, "warehouse", now - timedelta(hours=3.3), **fields)
    incident(conn, "shop", now - timedelta(hours=9), now - timedelta(hours=8.2))
