"""Schemathesis finds no request that the API answers otherwise than its description says: with no check left out."""

import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Final

from tests.integration.api.conftest import Serve
from tests.integration.api.scene import TOKEN, Scene

OPERATIONS: Final = 17


def test_the_api_is_as_it_describes_itself(serve_page: Serve, scene: Scene, tmp_path: Path) -> None:
    page = serve_page(stream_lasts_s=0.2)
    program = Path(sysconfig.get_path("scripts"), "schemathesis")
    # One worker: CPython 3.11 cannot parse Python in two threads at once, which Hypothesis does.
    options = ["--max-examples", "5", "--seed", "17", "--request-timeout", "10", "--no-color", "--workers", "1"]
    run = subprocess.run(
        [program, "run", f"{page.base_url}/api/v1/openapi.json", "-H", f"Authorization: Bearer {TOKEN}", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert run.returncode == 0, run.stdout[-8_000:] + run.stderr[-2_000:]
    assert f"Operations:       {OPERATIONS} selected / {OPERATIONS} total" in run.stdout
    cases = re.search(r"(\d+) generated, (\d+) passed", run.stdout)
    assert cases is not None
    assert int(cases[1]) == int(cases[2]) > 300
    assert scene.acknowledged_by(scene.incident_id) == "anna"
