"""100,000 sites in ``sites.json``: how long they take to load, and to refuse for one mistake at their end.

    python -m tests.bench.many_sites [--sites 100000] [--rounds 5]

Exit status 1 when the median is over the 2 s that leave an edit time to be taken up within 5 s.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sitemon.config.sites import load_sites
from sitemon.model.errors import ConfigurationError

LIMIT_S = 2.0


def sites_of(count: int) -> list[dict[str, Any]]:
    """Return sites that differ in name and URL, with the fields that many have."""
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


def median_s(rounds: int, run: Callable[[], object]) -> float:
    """Return the median wall time of so many rounds, after one that does not count."""
    took_s = []
    for _ in range(rounds + 1):
        began_s = time.perf_counter()
        run()
        took_s.append(time.perf_counter() - began_s)
    return statistics.median(took_s[1:])


def refuse(environ: Mapping[str, str]) -> None:
    """Load sites that have a mistake."""
    try:
        load_sites(environ)
    except ConfigurationError:
        return
    raise SystemExit("bench: the mistake was not found")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    choices = parser.parse_args()
    sites = sites_of(choices.sites)
    with tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name:
        good = written(Path(name) / "good", sites)
        bad = written(Path(name) / "bad", [*sites[:-1], sites[-1] | {"intervall": 1}])
        load_s = median_s(choices.rounds, lambda: load_sites(good))
        refuse_s = median_s(choices.rounds, lambda: refuse(bad))
    print(f"{choices.sites:,} sites: loaded in {load_s:.2f} s, refused for their last one in {refuse_s:.2f} s")
    sys.exit(load_s > LIMIT_S)


if __name__ == "__main__":
    main()
