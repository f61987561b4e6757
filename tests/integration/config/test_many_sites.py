"""100,000 sites load fast enough to be taken up within 5 s of an edit."""

import json
import time
from pathlib import Path
from typing import Any, Final

import pytest

from sitemon.config.sites import load_sites
from sitemon.model.errors import ConfigurationError

COUNT: Final = 100_000
LIMIT_S: Final = 2.0


def write(folder: Path, *, last: dict[str, Any]) -> dict[str, str]:
    sites: list[dict[str, Any]] = [
        {
            "name": f"shop-{number}",
            "url": f"https://host{number}.example/health?n={number}",
            "interval": 60,
            "match": "in stock",
            "headers": {"X-Team": "web"},
            "expect": {"status": [200, "300-399"]},
        }
        for number in range(COUNT)
    ]
    sites[-1] |= last
    (folder / "sites.json").write_text(json.dumps({"defaults": {"timeout": "5s"}, "sites": sites}))
    return {"CONF_DIR": str(folder)}


def cpu_of_load_s(environ: dict[str, str]) -> float:
    """Processor time, because the tests share the machine with each other."""
    before_s = time.process_time()
    assert len(load_sites(environ).sites) == COUNT
    return time.process_time() - before_s


def test_a_hundred_thousand_sites_load_in_two_seconds(tmp_path: Path) -> None:
    environ = write(tmp_path, last={})
    assert min(cpu_of_load_s(environ) for _ in range(2)) < LIMIT_S


def test_one_mistake_among_them_is_found_as_fast(tmp_path: Path) -> None:
    environ = write(tmp_path, last={"intervall": 1})
    before_s = time.process_time()
    with pytest.raises(ConfigurationError, match=f"shop-{COUNT - 1}: intervall: unknown field"):
        load_sites(environ)
    assert time.process_time() - before_s < 2 * LIMIT_S
