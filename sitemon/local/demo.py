"""The demo: all of sitemon and the local stack over the sample sites, each process a child of this one."""

import importlib.util
import os
import sysconfig
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from sitemon import clock
from sitemon.config.sites import load_sites
from sitemon.local.past import believable_past
from sitemon.local.ports import LOOPBACK, free_port
from sitemon.local.process import GuardedProcess, run_guarded
from sitemon.local.receiver import AlertReceiver
from sitemon.local.stack import PARTS, Stack
from sitemon.model.errors import FatalError, RetryableError
from sitemon.store.connect import Connection, connect
from sitemon.store.past import write_past
from sitemon.store.read import SiteStatus, count_results, read_closed_at, read_status
from sitemon.store.write import prepare_session

_STOP_WITHIN_S: Final = 4.0
_SETTLE_WITHIN_S: Final = 2.0
_LOOK_EVERY_S: Final = 0.3


class Demo:
    """One run of the whole pipeline in a folder of its own, where every process has its log.

    Nothing of it outlives this process. The environment of its processes is the stack's alone, so that neither a
    configuration of the working folder nor one of the environment has a part in it.
    `page_url` is where the page is, once it was started; None without the extra `web`. What lies before
    `made_up_until_at` is made up: its own database alone gets a past.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stack = Stack(folder, (*PARTS, "sample"))
        self.receiver = AlertReceiver()
        self.page_url: str | None = None
        self.made_up_until_at = clock.utc_now().replace(second=0, microsecond=0)
        self._processes: dict[str, GuardedProcess] = {}

    def up(self) -> None:
        """Start everything. Raises FatalError, naming the log of what does not start."""
        self.stack.up()
        self._start("worker", "celery", "-A", "sitemon", "worker", "-B", "--loglevel", "info")
        provision, environment = [_script("sitemon"), "provision"], self._environment()
        run_guarded(provision, log=self._log("provision"), environment=environment, folder=self.folder)
        self._make_up_a_past()
        self._start("recorder", "sitemon-recorder")
        self.receiver.write_alerts_yaml(self.folder)
        self._start("alerter", "sitemon-alerter")
        if importlib.util.find_spec("fastapi"):  # of the extra web
            address = f"{LOOPBACK}:{free_port()}"
            self._start("web", "sitemon", "web", "--bind", address)
            self.page_url = f"http://{address}/"

    def check(self) -> None:
        """Raise FatalError, naming its log, when a process has ended by itself."""
        for name, process in self._processes.items():
            if not process.is_alive:
                raise FatalError(f"the {name} has ended with status {process.wait()}: see {process.log}")

    def statuses(self) -> list[SiteStatus]:
        """Return how the sites are, worst first; none while the database is not there yet."""
        try:
            with closing(self._connect()) as conn:
                return read_status(conn, clock.utc_now())
        except RetryableError:
            return []

    def closed_at(self) -> datetime:
        """Return up to when it is decided what was missed; now, while the database is not there yet."""
        try:
            with closing(self._connect()) as conn:
                return read_closed_at(conn)
        except RetryableError:
            return clock.utc_now()

    def count(self) -> int:
        """Return how many results are recorded; 0 while the database is not there yet."""
        try:
            with closing(self._connect()) as conn:
                return count_results(conn)
        except RetryableError:
            return 0

    def finish(self) -> int:
        """End all in good order, so that what was seen is recorded; return how much that is."""
        if worker := self._processes.get("worker"):
            worker.stop(timeout_s=_STOP_WITHIN_S)
        recorded = self._settled_count()
        for name in ("recorder", "alerter", "web"):
            if process := self._processes.get(name):
                process.stop(timeout_s=_STOP_WITHIN_S)
        return recorded

    def down(self) -> None:
        """End everything at once; return when nothing of it is left. Again is no error."""
        for process in self._processes.values():
            process.kill()
        for part in self.stack.parts:
            part.kill()
        self.receiver.close()

    def _make_up_a_past(self) -> None:
        """Write ninety days of the sample sites, before anybody writes results; checks have begun meanwhile."""
        sites = load_sites(self.stack.environment).sites
        with closing(self._connect()) as conn:
            prepare_session(conn)
            write_past(conn, believable_past(sites, self.made_up_until_at))

    def _settled_count(self) -> int:
        """Return how many results are recorded once that does not grow any more, for the last may be on their way."""
        deadline_s = clock.monotonic_s() + _SETTLE_WITHIN_S
        before, now = -1, self.count()
        while now > before and clock.monotonic_s() < deadline_s:
            clock.sleep(_LOOK_EVERY_S)
            before, now = now, self.count()
        return now

    def _start(self, name: str, program: str, *arguments: str) -> None:
        command = (_script(program), *arguments)
        self._processes[name] = GuardedProcess(
            command, log=self._log(name), environment=self._environment(), folder=self.folder
        )

    def _environment(self) -> Mapping[str, str]:
        ours = {"SITEMON_SPOOL_DIR": str(self.folder / "spool"), "CONF_DIR": str(self.folder)}
        return _foreign(os.environ) | self.stack.environment | ours

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _connect(self) -> Connection:
        postgres = self.stack.postgres
        return connect(postgres.server, postgres.owner, application_name="sitemon-demo")


def _foreign(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without any configuration of sitemon or Celery."""
    ours = ("SITEMON_", "CELERY_")
    return {name: value for name, value in environ.items() if not name.startswith(ours) and name != "CONF_DIR"}


def _script(name: str) -> str:
    """Return a console script of the environment that this Python belongs to."""
    return str(Path(sysconfig.get_path("scripts"), name))
