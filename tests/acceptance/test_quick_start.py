"""The README's quick start, over the servers of the run in the place of those that it starts and ends."""

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

from sitemon.local.sample import SampleServer
from tests.acceptance.conftest import url
from tests.pipeline import Pipeline, wait_for

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text()
[QUICK_START] = re.findall(r"^## Your own sites.*?^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
SERVERS = re.compile(r"^make setup .*|^eval .*stack up.*|^kill %1; sitemon stack down .*", re.MULTILINE)
LOOK = "sitemon status --watch "


def test_a_newcomer_sees_a_site_that_is_up(pipeline: Pipeline, sample: SampleServer) -> None:
    shutil.copy(PROJECT / "Procfile", pipeline.folder)
    (pipeline.folder / ".sitemon").mkdir()
    (pipeline.folder / ".venv").symlink_to(sysconfig.get_path("data"))
    script, servers = SERVERS.subn("", QUICK_START)
    assert servers == 3
    assert LOOK in script
    steps = script.replace("https://example.org/", url(sample, "/good")).replace(LOOK, "read; kill %1; wait # ")
    environment = {name: value for name, value in pipeline.environment.items() if name != "SITEMON_SITES"}
    shell = subprocess.Popen(
        ["bash", "-euc", steps], cwd=pipeline.folder, env=environment, stdin=subprocess.PIPE, text=True
    )
    try:
        seen = "SELECT site, state FROM sitemon.site_status"
        wait_for(lambda: shell.poll() or pipeline.rows(seen) == [("example", "up")], within_s=60)
    finally:
        shell.communicate("\n")
    assert shell.returncode == 0
