"""The stack: its data outlives crashes, its processes never outlive their owner."""

import signal
import socket
import stat
from pathlib import Path

import pytest

from sitemon.local import stack as stack_module
from sitemon.local.kafka import Kafka
from sitemon.local.part import Part
from sitemon.local.ports import free_port, is_free
from sitemon.local.stack import PARTS, Stack
from sitemon.model.errors import FatalError
from tests.integration.local.processes import owner, processes_of, wait_until

OWN_A_STACK = """
import sys, signal
from pathlib import Path
from sitemon.local.stack import Stack
stack = Stack(Path(sys.argv[1]))
stack.up()
print(*(part.port for part in stack.parts), flush=True)
signal.pause()
"""


@pytest.fixture(params=PARTS)
def part(own_stack: Stack, request: pytest.FixtureRequest) -> Part:
    part: Part = getattr(own_stack, request.param)
    part.start()
    return part


def test_a_stopped_part_starts_again_on_its_port(part: Part) -> None:
    port = part.port
    part.stop()
    part.stop()
    assert (part.is_alive, part.is_listening, is_free(port)) == (False, False, True)
    part.start()
    part.start()
    assert (part.is_listening, part.port) == (True, port)


def test_nobody_else_may_enter_a_part_or_read_what_its_server_writes(part: Part) -> None:
    assert stat.S_IMODE(part.folder.stat().st_mode) == 0o700
    data = [path for path in part.folder.rglob("*") if path.name != part.log.name and path.parent != part.folder]
    assert data
    assert [path for path in data if path.stat().st_mode & 0o077] == []


def test_a_part_takes_another_port_when_its_own_is_taken(part: Part) -> None:
    port = part.port
    part.stop()
    with socket.create_server(("127.0.0.1", port)):
        part.start()
        assert part.is_listening
        assert part.port != port


def test_a_controller_whose_port_was_taken_since_we_looked_gets_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka = Kafka(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for_broker, for_controller = free_port(), free_port()
        ports = iter([for_broker, taken.getsockname()[1], for_controller])
        for module in ("sitemon.local.part", "sitemon.local.kafka"):
            monkeypatch.setattr(f"{module}.free_port", lambda: next(ports))
        kafka.start()
        assert kafka.listening_on == [for_broker, for_controller]
    kafka.stop()


def test_a_part_ends_with_its_folder_in_use_by_another_process_in_one_line(own_stack: Stack) -> None:
    own_stack.redis.start()
    with pytest.raises(FatalError, match=r"redis in .* belongs to another process"):
        Stack(own_stack.folder, ["redis"]).up()
    assert own_stack.redis.is_listening


@pytest.mark.usefixtures("kafka")
def test_a_killed_owner_leaves_no_process_and_its_folder_can_be_used_again(tmp_path: Path) -> None:
    with owner(OWN_A_STACK, tmp_path) as process:
        assert process.stdout
        ports = [int(port) for port in process.stdout.readline().split()]
        assert len(ports) == len(PARTS)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with Stack(tmp_path) as stack:  # at once: what is left of the first is waited for
        assert [part.port for part in stack.parts] == ports
        assert all(part.is_listening for part in stack.parts)
    assert processes_of(tmp_path) == []
    assert all(is_free(port) for port in ports)


def test_a_killed_owner_leaves_no_process_even_when_nobody_comes_after(tmp_path: Path) -> None:
    with owner(OWN_A_STACK.replace("sys.argv[1])", 'sys.argv[1]), ["postgres", "redis"]'), tmp_path) as process:
        assert process.stdout
        ports = [int(port) for port in process.stdout.readline().split()]
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_until(lambda: not processes_of(tmp_path), "all servers have ended")
        assert all(is_free(port) for port in ports)


def test_a_part_that_cannot_start_ends_the_others_and_names_its_log(tmp_path: Path) -> None:
    stack = Stack(tmp_path, ["postgres", "redis"])
    stack.redis.folder.mkdir()
    (stack.redis.folder / "appendonlydir").write_text("in the way of the server's folder of this name")
    with pytest.raises(FatalError, match=f"redis did not start: see {stack.redis.log}"):
        stack.up()
    assert processes_of(tmp_path) == []


def test_two_stacks_live_side_by_side(own_stack: Stack, tmp_path: Path) -> None:
    own_stack.redis.start()
    own_stack.postgres.start()
    with Stack(tmp_path, ["postgres", "redis"]) as other:
        assert all(part.is_listening for part in other.parts)
        assert not {part.port for part in other.parts} & {part.port for part in own_stack.parts}
        assert other.environment["SITEMON_DB_PASSWORD"] != own_stack.environment["SITEMON_DB_PASSWORD"]


def test_without_maven_and_kafka_home_tansu_stands_in_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stack_module, "is_obtainable", lambda: False)
    with Stack(tmp_path, ["kafka"]) as stack:
        assert stack.kafka.is_listening
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "stack.tansu: without Java and Maven, Kafka is Tansu, which keeps messages in memory only"
    ]
