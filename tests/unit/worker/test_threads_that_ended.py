"""Before a worker forks, its threads have to be gone: one that ends holds a lock of OpenSSL for a moment."""

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys, threading, time
from sitemon.worker.cores import await_threads_that_ended
threading.Thread(target=time.sleep, args=[float(sys.argv[1])], daemon=True).start()
before, began_s = len(os.listdir("/proc/self/task")), time.monotonic()
await_threads_that_ended()
print(before, len(os.listdir("/proc/self/task")), time.monotonic() - began_s < 5)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(("lasts_s", "left"), [("0.3", "1"), ("60", "2")])
def test_they_are_waited_for_but_not_without_end(lasts_s: str, left: str) -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM, lasts_s], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["2", left, "True"]
