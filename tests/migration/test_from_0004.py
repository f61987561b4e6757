"""A database of migration 0004, with data in it, is right after migration 0005, and goes on from there."""

from datetime import datetime, timedelta

import pytest

from sitemon import clock
from sitemon.model.moment import from_ms, to_ms
from sitemon.model.schedule import Ended, Started
from sitemon.store.account import read_account
from sitemon.store.connect import Connection
from sitemon.store.maintain import maintain
from sitemon.store.migrate import migrate
from sitemon.store.names import Names
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.read import SiteStatus, read_status
from sitemon.store.rebuild import rebuild
from sitemon.store.schedule import write_notices
from sitemon.store.write import prepare_session, write_batch
from tests.databases import close_account, dicts, rows
from tests.migration.old_rows import last_minute
from tests.results import MINUTE, a_down, a_result

LEDGER = "SELECT sum(expected), sum(real), sum(missed), sum(unaccounted), sum(unexpected) FROM sitemon.ledger"
LEDGER_BY_SITE = """
SELECT site, sum(expected), sum(real), sum(derived), sum(unaccounted), sum(unexpected)
FROM sitemon.ledger
GROUP BY site
"""
STRETCHES = "SELECT site_id, region_id, from_ms, until_ms, interval_ms FROM sitemon.schedule_stretch ORDER BY 1, 3"
UPTIME = "SELECT site, hour_at, up, down, missed FROM sitemon.uptime_hourly ORDER BY 1, 2"


@pytest.fixture
def names(bare: Connection, start: datetime) -> Names:
    """The names of the database, which is migrated; nobody has closed any of its account since."""
    migrate(bare)
    prepare_session(bare)
    return Names()


def status(conn: Connection) -> dict[str, SiteStatus]:
    return {one.site: one for one in read_status(conn, clock.utc_now())}


@pytest.mark.usefixtures("start")
def test_uptime_and_what_is_expected_stay_as_they_were(bare: Connection) -> None:
    before = [rows(bare, query) for query in (UPTIME, STRETCHES)]
    assert rows(bare, LEDGER)[0][3:] == (0, 0)
    migrate(bare)
    assert [rows(bare, query) for query in (UPTIME, STRETCHES)] == before
    patience = "SELECT DISTINCT interval_ms, patience_ms FROM sitemon.schedule_stretch ORDER BY 1"
    assert rows(bare, patience) == [(60_000, 132_000), (600_000, 672_000)]


@pytest.mark.usefixtures("names")
def test_the_account_begins_with_the_migration(bare: Connection) -> None:
    account = read_account(bare)
    assert account.from_ms == account.closed_ms == account.away_ms
    assert abs(account.from_ms - clock.now_ms()) < 60_000
    assert rows(bare, LEDGER) == [(None,) * 5]
    maintain(bare, DEFAULT_RETENTION, clock.utc_now())


def test_from_there_on_each_slot_is_accounted_for(bare: Connection, names: Names) -> None:
    first = from_ms(read_account(bare).from_ms).replace(second=0, microsecond=0) + MINUTE
    write_batch(bare, names, [a_result("steady", slot_at=first + minute * MINUTE) for minute in range(3)])
    write_batch(bare, names, [a_down("broken", slot_at=first + MINUTE)])
    close_account(bare, first + 2 * MINUTE + timedelta(seconds=132))
    found = {site: [int(number) for number in numbers] for site, *numbers in rows(bare, LEDGER_BY_SITE)}
    assert found["steady"] == [3, 3, 0, 0, 0]
    assert found["broken"] == [3, 1, 2, 0, 0]
    assert found["unseen"] == [3, 0, 3, 0, 0]
    assert "gone" not in found


def test_a_late_result_of_before_is_taken_out_of_what_was_missed(
    bare: Connection, start: datetime, names: Names
) -> None:
    ((before,),) = rows(bare, "SELECT sum(missed) FROM sitemon.uptime_hourly WHERE site = 'steady'")
    write_batch(bare, names, [a_result("steady", slot_at=start + 70 * MINUTE)])
    assert rows(bare, "SELECT sum(missed) FROM sitemon.uptime_hourly WHERE site = 'steady'") == [(before - 1,)]


def test_the_status_is_as_it_was_and_what_was_missed_is_unknown(
    bare: Connection, start: datetime, names: Names
) -> None:
    found = status(bare)
    assert {site: one.state for site, one in found.items()} == {
        "steady": "up",
        "broken": "down",
        "edited": "up",
        "unseen": "unknown",
    }
    assert (found["steady"].state_since, found["steady"].seen_at) == (start, found["steady"].slot_at)
    assert (found["unseen"].state_since, found["unseen"].seen_at) == (start + 170 * MINUTE, start + 169 * MINUTE)
    assert rows(bare, "SELECT is_ended FROM sitemon.site_status WHERE site = 'gone'") == [(True,)]


def test_the_states_that_it_left_go_on(bare: Connection, start: datetime, names: Names) -> None:
    following = last_minute() + MINUTE
    write_batch(bare, names, [a_down("broken", slot_at=following), a_result("unseen", slot_at=following)])
    found = status(bare)
    assert (found["broken"].state, found["broken"].state_since) == ("down", start + 151 * MINUTE)
    assert found["unseen"].state == "up"
    rebuild(bare, None, lambda _: None)
    assert status(bare)["broken"].state_since == start + 140 * MINUTE, "what was missed is no interruption"
    assert status(bare)["unseen"].state_since == start


def test_what_leaders_of_either_version_say_changes_nothing_that_holds(
    bare: Connection, start: datetime, names: Names
) -> None:
    before = rows(bare, STRETCHES)
    start_ms = to_ms(start)
    old = Started(site="steady", region="default", at_ms=start_ms - 1, interval_ms=60_000, from_slot_ms=start_ms)
    write_notices(bare, names, [old])
    assert rows(bare, STRETCHES) == before
    at_ms = clock.now_ms()
    told_again = Started(
        site="steady",
        region="default",
        token=1,
        sequence=1,
        at_ms=at_ms,
        interval_ms=60_000,
        from_slot_ms=to_ms(last_minute()) + 60_000,
        patience_ms=82_000,
    )
    write_notices(bare, names, [told_again])
    of_steady = "SELECT until_ms - from_ms > 99999999, patience_ms FROM sitemon.schedule_stretch JOIN sitemon.site"
    assert (
        dicts(bare, f"{of_steady} USING (site_id) WHERE name = 'steady' ORDER BY from_ms")[-1]["patience_ms"] == 82_000
    )
    write_notices(bare, names, [Ended(site="steady", region="default", token=1, sequence=2, at_ms=at_ms + 1)])
    assert "steady" not in status(bare)


@pytest.mark.usefixtures("names")
def test_alerters_decide_on_every_site_that_there_is(bare: Connection) -> None:
    known = rows(bare, "SELECT DISTINCT site_id FROM sitemon.current_state ORDER BY site_id")
    assert len(known) >= 3
    assert rows(bare, "SELECT DISTINCT site_id FROM sitemon.undecided ORDER BY site_id") == known
