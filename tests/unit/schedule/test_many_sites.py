"""100,000 sites are to leave a beat under 300 MB, of which it takes 90 before it knows of any."""

import json
import tracemalloc
from pathlib import Path

from sitemon.config.sites import load_sites
from sitemon.model.schedule import Ended, Watch
from sitemon.schedule.plan import Plan
from tests.unit.schedule.events import plan_of, started

START_MS = 1_790_000_000_000
SITES = 5_000
MOST_BYTES_A_SITE = 1_000


def test_a_site_and_its_slots_take_less_than_a_kilobyte(tmp_path: Path) -> None:
    file = tmp_path / "sites.json"
    listed = [{"name": f"shop-{n}", "url": f"https://shop-{n}.example/health", "match": "ok"} for n in range(SITES)]
    file.write_text(json.dumps({"defaults": {"interval": 60}, "sites": listed}))
    tracemalloc.start()
    try:
        sites = load_sites({}, file)
        plan = plan_of({Watch(site.name, "default"): site.interval_ms for site in sites.sites}, START_MS)
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(plan) == SITES
    assert held_bytes / SITES < MOST_BYTES_A_SITE


def held_bytes(edits: int) -> int:
    """Return what a plan holds of sites that are due in months, half of them of new names, after so many edits."""
    tracemalloc.start()
    try:
        plan = Plan()
        for edit in range(edits):
            for number in range(50):
                interval_ms = 31_622_400_000 - 1_000 * edit - number
                new, before = (Watch(f"new-{number}-{one}", "default") for one in (edit, edit - 1))
                plan.take(started(Watch(f"site-{number}", "default"), interval_ms, START_MS))
                plan.take(started(new, interval_ms, START_MS))
                plan.take(Ended(site=before.site, region=before.region, at_ms=START_MS))
        assert len(plan) == 100
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_edits_of_what_is_due_in_months_take_no_memory() -> None:
    assert held_bytes(40) < 2 * held_bytes(4)
