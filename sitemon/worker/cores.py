"""One ``celery worker`` command works on all cores: it becomes a supervisor of Celery workers, one process a core."""

import atexit
import gc
import os
import signal
import sys
from collections.abc import Mapping
from multiprocessing import current_process
from pathlib import Path
from typing import Any, Final

from celery.platforms import create_pidlock
from celery.utils.sysinfo import cpu_budget  # type: ignore[attr-defined]  # celery-types does not know it

from sitemon import clock
from sitemon.config.sites_watcher import SitesWatcher, sites_watcher
from sitemon.worker.bootsteps import live_with
from sitemon.worker.shared_modules import import_shared_modules
from sitemon.worker.supervisor import IS_POSSIBLE, Member, Supervisor
from sitemon.worker.this_process import stop_alone

THREADS_POOL = "celery.concurrency.thread"
_TASKS: Final = Path("/proc/self/task")
"""A folder for each thread of this process, on Linux (proc(5))."""
_THREADS_END_WITHIN_S: Final = 1.0


def is_of_threads(options: Mapping[str, Any]) -> bool:
    """Tell whether a worker with these options has a pool of threads."""
    return getattr(options.get("pool"), "__module__", None) == THREADS_POOL


def await_threads_that_ended() -> None:
    """Wait, for a second at most, for threads that have ended for Python, but not for the system yet.

    In its last moments a thread that used TLS holds a lock of OpenSSL. In a process that was forked then, nobody opens
    it: there, the next TLS context is waited for without end.
    """
    until_s = clock.monotonic_s() + _THREADS_END_WITHIN_S
    while _TASKS.is_dir() and len(list(_TASKS.iterdir())) > 1 and clock.monotonic_s() < until_s:
        clock.sleep(0.001)


def work_on_all_cores(worker: Any, options: Mapping[str, Any], processes: int | None) -> None:
    """Fork into so many workers (None: one a core), and return in each of them. The first one has the beat.

    Nothing happens in a pool other than that of threads: the children of a prefork pool are such processes already.
    """
    size = (processes or cpu_budget().count) if IS_POSSIBLE else 1
    if size == 1 or not is_of_threads(options):
        return
    worker.app.log.setup(options.get("loglevel"), options.get("logfile"), hostname=worker.hostname)
    lock = create_pidlock(options["pidfile"]) if options.get("pidfile") else None
    import_shared_modules()
    # What the interpreter remembers of attributes has references to their names: replaced, each is a page written to.
    sys._clear_type_cache()  # noqa: SLF001  # it is documented
    # A full collection of garbage writes to all that it looks at, and each process would have its own copy of that.
    gc.freeze()
    watcher = sites_watcher()
    end = Supervisor(size, on_look=watcher.without_waiting, is_alone=lambda: _is_alone(watcher)).keep()
    if lock is not None:
        # Celery would remove the file when any of its heirs ends.
        atexit.unregister(lock.release)
    if isinstance(end, Member):
        _become(worker, end)
        return
    if lock is not None:
        lock.release()
    if end.is_to_restart and not sys.stdout.isatty():
        # As Celery does, but with the ``-m`` of ``python -m celery``, which is what it starts in the background.
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606
    raise SystemExit(end.status)


def _is_alone(watcher: SitesWatcher) -> bool:
    if watcher.is_looking:
        return False
    await_threads_that_ended()
    return True


def _become(worker: Any, member: Member) -> None:
    """Make of the worker that was about to start this one of the supervised."""
    stop_alone()
    live_with(member.supervisor_pid, "worker.orphaned: the command's process is gone, so this worker process ends")
    changes: dict[str, Any] = {"pidfile": None}
    if member.number > 1:
        current_process().name = f"Worker-{member.number}"
        name, _, host = worker.hostname.partition("@")
        worker.hostname = f"{name}-{member.number}@{host}"
        worker.quiet = True
        changes["beat"] = False
    worker.prepare_args = lambda **options: options | changes
    tweak = worker.install_platform_tweaks

    def install_platform_tweaks(worker: Any) -> None:
        """Do as Celery does, but leave SIGHUP to the supervisor: a member would become a whole command of its own."""
        tweak(worker)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    worker.install_platform_tweaks = install_platform_tweaks
