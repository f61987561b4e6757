"""The whole pipeline as processes over a stack of its own: to run, to kill, to look into."""

import os
import re
import signal
import sysconfig
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import psutil
import psycopg2

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer, database_credentials, postgres_server
from sitemon.local.process import GuardedProcess, run_guarded
from sitemon.local.stack import Stack
from sitemon.store.connect import Connection, connect

AWAY_S = 3.0
COMMANDS = {
    "worker": ["celery", "-A", "sitemon", "worker", "-B", "--loglevel", "info"],
    "beat": ["celery", "-A", "sitemon", "beat", "--loglevel", "info"],
    "second-beat": ["celery", "-A", "sitemon", "beat", "--loglevel", "info"],
    "third-beat": ["celery", "-A", "sitemon", "beat", "--loglevel", "info"],
    "beatless": ["celery", "-A", "sitemon", "worker", "--loglevel", "info"],
    "managing": ["celery", "-A", "sitemon", "worker", "-Q", "sitemon.manage", "--loglevel", "info"],
    "eu": ["celery", "-A", "sitemon", "worker", "--loglevel", "info"],
    "us": ["celery", "-A", "sitemon", "worker", "--loglevel", "info"],
    "prefork": ["celery", "-A", "sitemon", "worker", "--loglevel", "info"],
    "recorder": ["sitemon-recorder"],
    "second-recorder": ["sitemon-recorder"],
    "alerter": ["sitemon-alerter"],
    "web": ["sitemon", "web", "--bind", "127.0.0.1:0"],
}
T = TypeVar("T")


class Away(NamedTuple):
    """When something was away, in milliseconds of the epoch."""

    what: str
    from_ms: int
    until_ms: int


class Pipeline:
    """Worker with beat, recorder and their servers in a folder; each can be killed and started again."""

    def __init__(self, folder: Path, sites_file: Path, stack: Stack) -> None:
        self.folder = folder
        self.extra: dict[str, str] = {}
        self.stack = stack
        self.sites_file = sites_file
        self.processes: dict[str, GuardedProcess] = {}
        self._kept: Connection | None = None
        self._kept_to: tuple[PostgresServer, Credentials] | None = None

    def run(self, name: str, program: str, *arguments: str) -> str:
        """Run a command to its end and return what it printed; fail when it fails."""
        log = self.folder / f"{name}.log"
        run_guarded([script(program), *arguments], log=log, environment=self.environment, folder=self.folder)
        return log.read_text()

    def await_closed(self, moment_ms: int, within_s: float) -> None:
        """Wait until the account is closed up to a moment: slots whose patience ended by then count in the ledger."""
        wait_for(lambda: self.rows("SELECT closed_ms >= %s FROM sitemon.account", moment_ms) == [(True,)], within_s)

    def start(self, *names: str) -> None:
        """Start processes of ours: ``worker`` is as people run it, with beat; all others are as they are called."""
        for name in names:
            program, *arguments = COMMANDS[name]
            self.processes[name] = GuardedProcess(
                [script(program), *arguments],
                log=self.folder / f"{name}.log",
                environment=self.environment,
                folder=self.folder,
            )

    def log_of(self, name: str) -> str:
        """Return what a process has printed up to now."""
        return (self.folder / f"{name}.log").read_text()

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return what a query gives, asked as the database's owner.

        The connection is kept, since a test that waits asks twenty times a second; one that was lost is made anew.
        """
        try:
            return self._ask(sql, parameters)
        except psycopg2.Error:
            if self._kept is None or not self._kept.closed:
                raise
        return self._ask(sql, parameters)

    def _ask(self, sql: str, parameters: tuple[object, ...]) -> list[tuple[Any, ...]]:
        if self._kept is None or self._kept.closed or self._kept_to != self._database():
            self.let_go()
            self._kept, self._kept_to = self.connect(), self._database()
            self._kept.autocommit = True
        with self._kept.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    def let_go(self) -> None:
        """End the connection that is kept: PostgreSQL copies no database to which somebody is connected."""
        if self._kept is not None:
            self._kept.close()

    def kill(self, name: str) -> Away:
        """Kill one with SIGKILL and start it again a little later; return when it was away."""
        from_moment_ms = clock.now_ms()
        if name == "beat":
            self._kill_beat()
        elif name in self.processes:
            self.processes[name].kill()
            clock.sleep(AWAY_S)
            self.start(name)
        else:
            part = {part.name: part for part in self.stack.parts}[name]
            part.kill()
            clock.sleep(AWAY_S)
            part.start()
        return Away(name, from_moment_ms, clock.now_ms())

    def down(self) -> None:
        """End our processes; the stack goes on."""
        self.let_go()
        for process in self.processes.values():
            process.stop(timeout_s=10)

    def connect(self) -> Connection:
        """Connect to the database as its owner."""
        return connect(*self._database(), application_name="sitemon-tests")

    def _database(self) -> tuple[PostgresServer, Credentials]:
        environ = self.environment
        return postgres_server(None, environ), database_credentials(None, environ)

    def cpu_s(self) -> dict[str, float]:
        """Return the CPU seconds that each of our processes has used, its children included."""
        return {name: sum(_cpu_s(one) for one in _tree(process.pid)) for name, process in self.processes.items()}

    def memory_mib(self) -> dict[str, int]:
        """Return the resident memory of each of our processes that lives, its children included."""
        found = {}
        for name, process in list(self.processes.items()):
            with suppress(psutil.Error):
                found[name] = sum(one.memory_info().rss for one in _tree(process.pid)) >> 20
        return found

    def catches_sigterm(self, name: str) -> bool:
        """Tell whether a process has come so far that SIGTERM ends it in good order."""
        return all(_catches(one.pid, signal.SIGTERM) for one in self.worker_processes(name))

    def beat_pid(self) -> int | None:
        """Return the process id of the worker's embedded beat, or None when there is none alive."""
        for one in self.worker_processes("worker"):
            for child in one.children():
                with suppress(psutil.NoSuchProcess):
                    if child.status() != psutil.STATUS_ZOMBIE:
                        return child.pid
        return None

    def worker_processes(self, name: str) -> list[psutil.Process]:
        """Return those processes of a worker on threads that check: the command's own, or those that it supervises."""
        command = psutil.Process(self.processes[name].pid)
        return [one for one in command.children() if _leads_a_group(one)] or [command]

    def _kill_beat(self) -> None:
        before = wait_for(self.beat_pid) or 0
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: self.beat_pid() not in (None, before))

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every process: no configuration but the stack's."""
        ours = {
            "SITEMON_SITES": str(self.sites_file),
            "SITEMON_SPOOL_DIR": str(self.folder / "spool"),
            "HOME": str(self.folder),
        }
        foreign = {name: value for name, value in os.environ.items() if not name.startswith(("SITEMON_", "CELERY_"))}
        return foreign | own_code() | self.stack.environment | ours | self.extra


def _catches(pid: int, awaited: signal.Signals) -> bool:
    (caught,) = re.findall(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(int(caught, 16) >> (awaited - 1) & 1)


def _leads_a_group(process: psutil.Process) -> bool:
    with suppress(ProcessLookupError):
        return os.getpgid(process.pid) == process.pid
    return False


def _tree(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def own_code(*first: Path) -> dict[str, str]:
    """Return the variable by which a process runs the code beside this test: an editable install is of one tree alone.

    What is in the folders of `first` comes before it.
    """
    return {"PYTHONPATH": os.pathsep.join(map(str, (*first, Path(__file__).parents[1])))}


def script(name: str) -> str:
    """Return a console script of the environment that this Python belongs to."""
    return str(Path(sysconfig.get_path("scripts"), name))


def wait_for(condition: Callable[[], T], within_s: float = 30.0) -> T:
    """Wait until a condition holds, and return what it gave; fail when it does not in time."""
    deadline_s = clock.monotonic_s() + within_s
    while not (found := condition()):
        if clock.monotonic_s() > deadline_s:
            raise AssertionError(f"{condition} did not hold within {within_s:g} s")
        clock.sleep(0.05)
    return found
