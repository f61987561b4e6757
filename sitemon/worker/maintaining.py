"""The hourly maintenance of the database, in a process that ends with it.

A worker's process would keep the driver and the store for good, 5 MiB, for what takes it a second an hour.
"""

import os
import pickle
import subprocess

from sitemon.model.errors import SitemonError
from sitemon.python_command import command_of, module_path


def maintain_apart() -> None:
    """Run ``sitemon.worker.managing`` to its end, out of reach of a terminal's Ctrl-C.

    Raises:
        SitemonError: what prevented it.

    """
    done = subprocess.run(  # noqa: S603 - our own module
        command_of("sitemon.worker.managing"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": module_path()},
        start_new_session=True,
        check=True,
    )
    if done.stdout:
        error: SitemonError = pickle.loads(done.stdout)  # noqa: S301 - it comes from our own process
        raise error
