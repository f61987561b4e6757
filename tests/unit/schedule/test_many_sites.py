"""100,000 sites are to leave a beat under 300 MB, of which it takes 90 before it knows of any."""

import json
import tracemalloc
from pathlib import Path

from sitemon.config.sites import load_sites
from sitemon.model.schedule import Watch
from tests.unit.schedule.events import plan_of

SITES = 5_000
MOST_BYTES_A_SITE = 1_000


def test_a_site_and_its_slots_take_less_than_a_kilobyte(tmp_path: Path) -> None:
    file = tmp_path / "sites.json"
    listed = [{"name": f"shop-{n}", "url": f"https://shop-{n}.example/health", "match": "ok"} for n in range(SITES)]
    file.write_text(json.dumps({"defaults": {"interval": 60}, "sites": listed}))
    tracemalloc.start()
    try:
        sites = load_sites({}, file)
        plan = plan_of({Watch(site.name, "default"): site.interval_ms for site in sites.sites}, 1_790_000_000_000)
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(plan) == SITES
    assert held_bytes / SITES < MOST_BYTES_A_SITE
