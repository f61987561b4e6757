"""The README's quick start, over the servers of the run in the place of those that it starts and ends."""

import re
import sysconfig
from pathlib import Path

from sitemon.local.process import GuardedProcess
from sitemon.local.sample import SampleServer
from tests.acceptance.conftest import url
from tests.pipeline import Pipeline, wait_for

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text()
[QUICK_START] = re.findall(r"^## Your own sites.*?^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
SERVERS = re.compile(r"^make setup .*|^eval .*stack up.*|^kill %1; sitemon stack down .*", re.MULTILINE)
LOOK = "sitemon status --watch "


def test_a_newcomer_sees_a_site_that_is_up(pipeline: Pipeline, sample: SampleServer) -> None:
    procfile = (PROJECT / "Procfile").read_text()
    assert "web: sitemon web\n" in procfile
    (pipeline.folder / "Procfile").write_text(procfile.replace("sitemon web", "sitemon web --bind 127.0.0.1:0"))
    (pipeline.folder / ".sitemon").mkdir()
    (pipeline.folder / ".venv").symlink_to(sysconfig.get_path("data"))
    script, servers = SERVERS.subn("", QUICK_START)
    assert servers == 3
    assert LOOK in script
    seen = pipeline.folder / "seen"
    look = f"until [ -e {seen} ]; do sleep 0.1; done; kill %1; wait # "
    steps = script.replace("https://example.org/", url(sample, "/good")).replace(LOOK, look)
    environment = {name: value for name, value in pipeline.environment.items() if name != "SITEMON_SITES"}
    log = pipeline.folder / "shell.log"
    shell = GuardedProcess(["bash", "-euc", steps], log=log, environment=environment, folder=pipeline.folder)
    try:
        states = "SELECT site, state FROM sitemon.site_status"
        wait_for(lambda: not shell.is_alive or pipeline.rows(states) == [("example", "up")], within_s=60)
        seen.touch()
        assert shell.wait(30) == 0, log.read_text()
    finally:
        shell.kill()
