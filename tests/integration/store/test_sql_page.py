"""The queries of docs/sql.md run as the reader, and answer what they say."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec import structs

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.moment import from_ms, to_ms
from sitemon.model.schedule import Started
from sitemon.store.connect import Connection
from sitemon.store.maintain import maintain
from sitemon.store.names import Names
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.provision import READER
from sitemon.store.schedule import write_notices
from sitemon.store.write import write_batch
from tests.databases import as_admin, dicts, execute, open_account, run
from tests.results import MINUTE, a_down, a_missed, a_result

PAGE: Final = (Path(__file__).parents[3] / "docs" / "sql.md").read_text()
QUERIES: Final[dict[str, list[str]]] = {
    title: re.findall(r"^```sql\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    for title, section in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
}
DAY: Final = timedelta(days=1)

Ask = Callable[[str, int], list[dict[str, Any]]]


@pytest.fixture
def began_at(conn: Connection, names: Names) -> datetime:
    """The first slot of three sites with a check a minute, ten minutes ago: shop failed twice, nobody looks at wiki."""
    began_at = from_ms(to_ms(clock.utc_now() - 10 * MINUTE))
    open_account(conn, began_at)
    plain = Started(
        site="",
        region="default",
        token=1,
        sequence=0,
        at_ms=to_ms(began_at) - 1,
        interval_ms=60_000,
        from_slot_ms=to_ms(began_at),
        patience_ms=82_000,
    )
    teams = {"shop": {"team": "web"}, "blog": {"team": "web"}, "wiki": {"team": "ops"}}
    write_notices(
        conn,
        names,
        [
            structs.replace(plain, site=site, sequence=n, labels=labels)
            for n, (site, labels) in enumerate(teams.items())
        ],
    )
    expires_at = {site: began_at + days * DAY for site, days in (("shop", 9), ("blog", 5))}
    makers = [a_result, a_down, a_missed, a_down, *[a_result] * 6]
    shop = [make(slot_at=began_at + n * MINUTE) for n, make in enumerate(makers)]
    blog = [a_result("blog", slot_at=began_at + n * MINUTE) for n in range(10)]
    seen = [
        structs.replace(one, cert_expires_at=expires_at[one.site]) if one.outcome == "up" else one
        for one in (*shop, *blog)
    ]
    write_batch(conn, names, seen)
    move = "UPDATE sitemon.account SET closed_ms = closed_ms + %s"
    later = clock.utc_now() + timedelta(minutes=30)
    execute(conn, move, (to_ms(later),))  # so that it is rolled up, and nothing is derived
    maintain(conn, DEFAULT_RETENTION, later)
    execute(conn, move, (-to_ms(later),))
    return began_at


@pytest.fixture
def ask(postgres_server: PostgresServer, admin: Credentials, owner: Credentials, began_at: datetime) -> Iterator[Ask]:
    """Ask the page's query of that number below a title, as the reader."""
    with closing(as_admin(postgres_server, admin, owner.database)) as reader:
        run(reader, "SET ROLE {role}", role=READER)
        yield lambda title, number: dicts(reader, QUERIES[title][number])


def test_how_everything_is(ask: Ask) -> None:
    found = [(row["site"], row["state"]) for row in ask("How is everything?", 0)]
    assert found == [("wiki", "unknown"), ("blog", "up"), ("shop", "up")]


def test_what_an_offline_region_did_not_reach_is_missed_by_the_minute_and_no_outage(
    ask: Ask, conn: Connection, began_at: datetime
) -> None:
    outage = "INSERT INTO sitemon.region_outage (region, from_at, until_at) VALUES ('default', %s, %s)"
    execute(conn, outage, (began_at + MINUTE, began_at + 2 * MINUTE))
    assert [(row["up"], row["down"], row["missed"]) for row in ask("By minute", 0)[:2]] == [(1, 0, 0), (0, 0, 1)]
    assert ask("Outages", 0) == []


def test_by_minute(ask: Ask) -> None:
    found = ask("By minute", 0)
    assert [(row["up"], row["down"], row["missed"]) for row in found[:4]] == [
        (1, 0, 0),
        (0, 1, 0),
        (0, 0, 1),
        (0, 1, 0),
    ]
    assert [row["worst_latency_s"] for row in found[:3]] == [0.25, 0.25, None]
    assert all(0.2 < row["p95_s"] < 0.3 for row in ask("By minute", 1))


def test_by_label(ask: Ask) -> None:
    found = ask("By label", 0)
    assert found == [{"team": "ops", "state": "unknown", "sites": 1}, {"team": "web", "state": "up", "sites": 2}]
    (web,) = ask("By label", 1)
    assert (web["team"], float(web["uptime_low"]), float(web["uptime_high"])) == ("web", 17 / 20, 18 / 20)
    assert web["as_of"] is not None


def test_whose_certificate_expires_next(ask: Ask, began_at: datetime) -> None:
    found = [(row["site"], row["cert_expires_at"]) for row in ask("Whose certificate expires next?", 0)]
    assert found == [("blog", began_at + 5 * DAY), ("shop", began_at + 9 * DAY)]


def test_what_nobody_has_looked_at(ask: Ask) -> None:
    assert [(row["site"], row["unseen_for"], row["interval_s"]) for row in ask("What has nobody looked at?", 0)] == [
        ("wiki", None, 60.0)
    ]


def test_outages(ask: Ask, conn: Connection, names: Names, began_at: datetime) -> None:
    (past,) = ask("Outages", 0)
    assert (past["site"], past["failures"], past["reason"]) == ("shop", 2, "timeout")
    assert (past["began_at"], past["ended_at"]) == (began_at + MINUTE, began_at + 4 * MINUTE)
    write_batch(conn, names, [a_down("blog", slot_at=began_at + (10 + n) * MINUTE) for n in range(3)])
    present = ask("Outages", 0)[0]
    assert (present["site"], present["began_at"], present["ended_at"]) == ("blog", began_at + 10 * MINUTE, None)


def test_the_account(ask: Ask) -> None:
    assert ask("Is the account even?", 0) == []


def test_each_query_has_a_test() -> None:
    assert {title: len(queries) for title, queries in QUERIES.items() if queries} == {
        "How is everything?": 1,
        "By minute": 2,
        "By label": 2,
        "Whose certificate expires next?": 1,
        "What has nobody looked at?": 1,
        "Outages": 1,
        "Is the account even?": 1,
    }
