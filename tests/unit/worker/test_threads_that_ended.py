"""Before a worker forks, its threads have to be gone: one that ends holds a lock of OpenSSL for a moment."""

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys, threading, time
from sitemon.worker import cores
may_end = threading.Event()
threading.Thread(target=may_end.wait, daemon=True).start()
exec(sys.argv[1])
before, began_s = len(os.listdir("/proc/self/task")), time.monotonic()
cores.await_threads_that_ended()
print(before, len(os.listdir("/proc/self/task")), time.monotonic() - began_s < 30)
"""
ENDS_WHEN_IT_IS_WAITED_FOR = """
cores._THREADS_END_WITHIN_S = 60.0
cores.clock.sleep = lambda seconds: (may_end.set(), time.sleep(seconds))
"""
NEVER_ENDS = ""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(("how", "left"), [(ENDS_WHEN_IT_IS_WAITED_FOR, "1"), (NEVER_ENDS, "2")], ids=["ends", "stays"])
def test_they_are_waited_for_but_not_without_end(how: str, left: str) -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["2", left, "True"]
