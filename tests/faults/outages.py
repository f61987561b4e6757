"""Ways for a server or a process to be away for a while: each is a context manager that heals on leaving."""

import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path

import psutil
import redis

from sitemon.local.part import Part
from sitemon.local.process import GuardedProcess
from sitemon.local.valkey import Valkey
from sitemon.model.errors import SitemonError
from sitemon.store.connect import connect
from tests.databases import rows, run
from tests.faults.scene import Scene
from tests.pipeline import wait_for
from tests.threads import beside

_WAITING_RECORDERS = """
    SELECT client_port
    FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'sitemon-recorder' AND wait_event_type = 'Lock'
"""
END_SESSIONS = """
    SELECT pg_terminate_backend(pid)
    FROM pg_stat_activity
    WHERE datname = %s AND application_name IN ('sitemon-recorder', 'sitemon-reconciler')
"""


@contextmanager
def killed(part: Part) -> Iterator[None]:
    """End the server with SIGKILL, and start it again with its data."""
    part.kill()
    try:
        yield
    finally:
        part.start()


@contextmanager
def stopped(part: Part) -> Iterator[None]:
    """Stop the server as its administrator does, and start it again."""
    part.stop()
    try:
        yield
    finally:
        part.start()


@contextmanager
def killed_for_good(part: Part) -> Iterator[None]:
    """End a server with SIGKILL, and leave it so."""
    part.kill()
    yield


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Freeze a process and all its descendants with SIGSTOP: connections stay open, nobody answers.

    As a long pause of its virtual machine does it.
    """
    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    _send(tree, signal.SIGSTOP)
    try:
        yield
    finally:
        _send(tree, signal.SIGCONT)


@contextmanager
def starved(pid: int) -> Iterator[None]:
    """Let a process and its descendants have only what four others that are always busy leave of each core.

    These leave enough to whoever is not so nice, the servers above all.
    """
    _be_nice(pid, 19)
    with ExitStack() as busy:
        for _ in range(4 * (os.cpu_count() or 1)):
            hog = GuardedProcess([sys.executable, "-c", "while True: pass"], log=Path(os.devnull))
            busy.callback(hog.kill)
            _be_nice(hog.pid, 10)
        yield
    with suppress(PermissionError):  # only root may take it back
        _be_nice(pid, 0)


@contextmanager
def without(scene: Scene, process: str) -> Iterator[None]:
    """End one of our processes with SIGKILL, and start it again."""
    scene.pipeline.processes[process].kill()
    try:
        yield
    finally:
        scene.pipeline.start(process)


def _be_nice(pid: int, niceness: int) -> None:
    # Where the kernel groups processes by session, a thread's niceness counts within its session only: sched(7).
    group = Path(f"/proc/{pid}/autogroup")
    if group.exists():
        wait_for(lambda: _is_written(group, str(niceness)), 10)
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        for thread in process.threads():
            os.setpriority(os.PRIO_PROCESS, thread.id, niceness)


def _is_written(path: Path, text: str) -> bool:
    try:
        path.write_text(text)
    except BlockingIOError:  # whoever is not root may change one every 0.1 s
        return False
    return True


def _send(processes: list[psutil.Process], signal_: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal_)


@contextmanager
def frozen_amid_a_batch(scene: Scene, *recorders: str) -> Iterator[None]:
    """Freeze one of these recorders while its transaction has what the others need, as when its machine is gone."""
    with closing(scene.pipeline.connect()) as conn:
        conn.cursor().execute("LOCK TABLE sitemon.stream_position IN EXCLUSIVE MODE")
        [(port,), *_] = wait_for(lambda: scene.pipeline.rows(_WAITING_RECORDERS))
        pids = [scene.pipeline.processes[name].pid for name in recorders]
        with frozen(next(pid for pid in pids if port in _local_ports(pid))):
            conn.rollback()
            yield


def _local_ports(pid: int) -> set[int]:
    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return {one.laddr.port for process in tree for one in process.net_connections("inet") if one.laddr}


# PostgreSQL --------------------------------------------------------------------------------------------------------


@contextmanager
def sessions_ended(scene: Scene) -> Iterator[None]:
    """End the sessions of recorder and reconciler again and again."""
    with scene.as_administrator() as conn, again_and_again(lambda: rows(conn, END_SESSIONS, (scene.owner.database,))):
        yield


@contextmanager
def again_and_again(action: Callable[[], object]) -> Iterator[None]:
    """Do something twice a second."""
    is_over = threading.Event()

    def work() -> None:
        while not is_over.wait(0.5):
            action()

    with beside(work, is_over):
        yield


@contextmanager
def read_only(scene: Scene) -> Iterator[None]:
    """Refuse every write, as a hot standby does."""
    with scene.as_administrator() as conn:
        run(conn, "ALTER SYSTEM SET default_transaction_read_only = on")
        rows(conn, "SELECT pg_reload_conf()")
        try:
            yield
        finally:
            run(conn, "ALTER SYSTEM RESET default_transaction_read_only")
            rows(conn, "SELECT pg_reload_conf()")


@contextmanager
def crowded(scene: Scene) -> Iterator[None]:
    """Take all connections that there are."""
    taken = []
    with scene.as_administrator() as conn:
        try:
            with suppress(SitemonError):
                while True:
                    taken.append(connect(scene.postgres.server, scene.owner, application_name="crowd"))
            rows(conn, END_SESSIONS, (scene.owner.database,))
            with suppress(SitemonError):
                taken.append(connect(scene.postgres.server, scene.owner, application_name="crowd"))
            yield
        finally:
            for one in taken:
                one.close()


@contextmanager
def password_changed(scene: Scene) -> Iterator[None]:
    """Change the role's password and end its sessions; then give it back the old one."""
    owner = scene.owner
    with scene.as_administrator() as conn:
        run(conn, "ALTER ROLE {role} PASSWORD 'another one'", role=owner.user)
        rows(conn, END_SESSIONS, (owner.database,))
        try:
            yield
        finally:
            run(conn, f"ALTER ROLE {{role}} PASSWORD '{owner.password}'", role=owner.user)


# Redis -------------------------------------------------------------------------------------------------------------


@contextmanager
def emptied(server: Valkey) -> Iterator[None]:
    """Kill Redis and start it again without its data."""
    server.kill()
    for file in server.folder.glob("appendonlydir*"):
        shutil.rmtree(file)
    try:
        yield
    finally:
        server.start()


@contextmanager
def evicting(server: Valkey) -> Iterator[None]:
    """Let Redis forget keys at random, as one without the policy `noeviction` does when its memory is used up."""
    with redis.Redis.from_url(server.url(0)) as client:
        used_bytes = int(client.info("memory")["used_memory"])
        client.config_set("maxmemory-policy", "allkeys-random")
        client.config_set("maxmemory", used_bytes * 9 // 10)
        try:
            yield
        finally:
            client.config_set("maxmemory", 0)
            client.config_set("maxmemory-policy", "noeviction")


@contextmanager
def rolled_back(server: Valkey) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Copy what Redis has now; give a fault that kills it and starts it again with that copy."""
    copies = {file: file.with_name(f"copy-{file.name}") for file in server.folder.glob("appendonlydir*")}
    for file, copy in copies.items():
        shutil.copytree(file, copy)

    @contextmanager
    def back() -> Iterator[None]:
        server.kill()
        for file, copy in copies.items():
            shutil.rmtree(file)
            shutil.copytree(copy, file)
        try:
            yield
        finally:
            server.start()

    try:
        yield back
    finally:
        for copy in copies.values():
            shutil.rmtree(copy)


@contextmanager
def redis_password_changed(server: Valkey) -> Iterator[None]:
    """Change the server's password and end its connections; then give it back the old one."""
    with redis.Redis.from_url(server.url(0)) as client:
        client.config_set("requirepass", "another one")
        client.client_kill_filter(_type="normal", skipme=True)
        try:
            yield
        finally:
            client.config_set("requirepass", server.secret("password"))
