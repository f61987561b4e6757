"""Two URLs that have the same MD5, by which the database tells them apart, cost the second one its row and no more."""

from sitemon.store.connect import Connection
from sitemon.stream.dead_letters import parse_dead_letter
from sitemon.stream.in_memory import MemoryBroker
from tests.databases import rows
from tests.integration.record.conftest import TOPICS, StartRecorder, wait_until
from tests.integration.record.test_recording import is_all_committed, send
from tests.results import a_result

ONE = "TEXTCOLLBYfGiJUETHQ4hAcKSMd5zYpgqf1YRDhkmxHkhPWptrkoyz28wnI9V0aHeAuaKnak"
"""By Marc Stevens, who found it."""
OTHER = ONE.replace("4hAc", "4hEc")


def test_what_follows_is_recorded_and_the_second_is_a_dead_letter(
    broker: MemoryBroker, start_recorder: StartRecorder, conn: Connection
) -> None:
    send(broker, [a_result(url=ONE), a_result(minute=1, url=OTHER), a_result(minute=2, url=ONE), a_result("wiki")])
    recorder = start_recorder()
    wait_until(lambda: is_all_committed(broker) or not recorder.is_running)
    assert recorder.error is None
    assert rows(conn, "SELECT site, url, count(*)::integer FROM sitemon.results GROUP BY 1, 2 ORDER BY 1") == [
        ("shop", ONE, 2),
        ("wiki", "https://wiki.example/", 1),
    ]
    letters = [parse_dead_letter(message) for message in broker.messages(TOPICS.dead_letters)]
    assert [letter.reason for letter in letters] == ["refused_by_database"]
