"""``sitemon-alerter`` as a process, over the files and the database of a story."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sitemon.local.process import GuardedProcess
from tests.pipeline import own_code, script
from tests.scenarios.story import Story

FAILPOINTS = Path(__file__).parent / "failpoint_hook"


@contextmanager
def an_alerter(story: Story, database: Mapping[str, str], failpoint: str = "") -> Iterator[GuardedProcess]:
    """Run one, which ends with the block at the latest; with a `failpoint` it is killed there: see `failpoint_hook`."""
    code = {"FAILPOINT": failpoint, **own_code(FAILPOINTS)} if failpoint else own_code()
    environment = {"PATH": os.environ["PATH"], "CONF_DIR": str(story.folder), **code, **database}
    process = GuardedProcess(
        [script("sitemon-alerter")], log=story.folder / "alerter.log", environment=environment, folder=story.folder
    )
    try:
        yield process
    finally:
        process.kill()
