"""100,000 sites in ``sites.json``: how long they take to load, and to refuse for one mistake at their end."""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from bench.figures import ROUNDS, Bench, Figure, Measured
from sitemon.config.sites import load_sites
from sitemon.model.errors import ConfigurationError

SITES: Final = 100_000
LIMIT_S: Final = 2.0
"""What of the 5 s in which an edit is taken up is left for the loading."""


def sites_of(count: int) -> list[dict[str, Any]]:
    """Return sites that differ in name and URL, with the fields that many have; one more has a default."""
    return [
        {
            "name": f"shop-{number}",
            "url": f"https://host{number}.example/health?n={number}",
            "interval": 60,
            "match": "in stock",
            "headers": {"X-Team": "web"},
            "expect": {"status": [200, "300-399"]},
        }
        for number in range(count)
    ]


def written(folder: Path, sites: list[dict[str, Any]]) -> dict[str, str]:
    """Write the sites, and return the environment in which they are found."""
    folder.mkdir()
    (folder / "sites.json").write_text(json.dumps({"defaults": {"timeout": "5s"}, "sites": sites}))
    return {"CONF_DIR": str(folder)}


def median_s(run: Callable[[], object]) -> float:
    """Return the median CPU time of the rounds, after one that does not count: loading waits for nothing."""
    took_s = []
    for _ in range(ROUNDS + 1):
        began_s = time.process_time()
        run()
        took_s.append(time.process_time() - began_s)
    return statistics.median(took_s[1:])


def refuse(environ: Mapping[str, str]) -> None:
    """Load sites that have a mistake."""
    try:
        load_sites(environ)
    except ConfigurationError:
        return
    raise AssertionError("the mistake was not found")


def measure() -> Measured:
    """Load good sites, and sites whose last one has a mistake."""
    sites = sites_of(SITES)
    with tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name:
        good = written(Path(name) / "good", sites)
        bad = written(Path(name) / "bad", [*sites[:-1], sites[-1] | {"intervall": 1}])
        load_s = median_s(lambda: load_sites(good))
        refuse_s = median_s(lambda: refuse(bad))
    return Measured(
        [
            Figure("100,000 sites loaded", load_s, "s", goal=LIMIT_S),
            Figure("100,000 sites refused for their last one", refuse_s, "s"),
        ]
    )


BENCH: Final = Bench(
    name="many-sites",
    question="How long do 100,000 sites of seven fields take to load, and to refuse for one mistake?",
    method=f"CPU time of load_sites over one sites.json, medians of {ROUNDS} after one that does not count",
    measure=measure,
)
