"""The soak: faults of all kinds at random times under a steady load, and what the ledger and the memory say then.

    python -m tests.faults.soak [--minutes 30] [--rate 500] [--seed N] [--report build/soak.md]

Two beats, a worker and two recorders over Apache Kafka, PostgreSQL, Valkey and nginx, all on this machine. The report
is Markdown. Exit status 1 when a slot has no row or two, or when a process has grown.
"""

import argparse
import os
import platform
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench.nginx import nginx
from sitemon import clock
from sitemon.local.ports import free_port
from sitemon.local.stack import Stack
from sitemon.model.moment import format_utc
from tests.faults.outages import (
    crowded,
    emptied,
    frozen,
    killed,
    password_changed,
    read_only,
    redis_password_changed,
    sessions_ended,
    stopped,
    without,
)
from tests.faults.scene import Account, Scene
from tests.memory import Memory

INTERVAL_S: Final = 10
SETTLE_WITHIN_S: Final = 300.0
GROWTH_ALLOWED: Final = 1.3
PROCESSES: Final = ("beat", "second-beat", "beatless", "recorder", "second-recorder")
Fault = Callable[[Scene], AbstractContextManager[None]]
FAULTS: Final[Mapping[str, Fault]] = {
    "PostgreSQL killed": lambda scene: killed(scene.postgres),
    "PostgreSQL stopped": lambda scene: stopped(scene.postgres),
    "PostgreSQL frozen": lambda scene: frozen(scene.postgres.pid),
    "PostgreSQL read-only": read_only,
    "PostgreSQL's sessions ended": sessions_ended,
    "PostgreSQL crowded": crowded,
    "PostgreSQL's password changed": password_changed,
    "Kafka killed": lambda scene: killed(scene.kafka),
    "Kafka stopped": lambda scene: stopped(scene.kafka),
    "Kafka frozen": lambda scene: frozen(scene.kafka.pid),
    "Redis killed": lambda scene: killed(scene.redis),
    "Redis emptied": lambda scene: emptied(scene.redis),
    "Redis frozen": lambda scene: frozen(scene.redis.pid),
    "Redis's password changed": lambda scene: redis_password_changed(scene.redis),
    "a beat killed": lambda scene: without(scene, "beat"),
    "a beat frozen": lambda scene: frozen(scene.pipeline.processes["second-beat"].pid),
    "the worker killed": lambda scene: without(scene, "beatless"),
    "a recorder killed": lambda scene: without(scene, "recorder"),
    "a recorder frozen": lambda scene: frozen(scene.pipeline.processes["second-recorder"].pid),
}


class Suffered(NamedTuple):
    """A fault that was: from when on, and for how long."""

    name: str
    at_s: float
    lasted_s: float


def suffer(scene: Scene, minutes: float, chance: random.Random) -> Iterator[Suffered]:
    """Cause one fault after the other, each kind once before any comes again, with pauses between them."""
    began_s = clock.monotonic_s()
    waiting: list[str] = []
    while clock.monotonic_s() - began_s < minutes * 60:
        scene.goes_on_for(chance.uniform(3, 15))
        waiting = waiting or chance.sample(list(FAULTS), len(FAULTS))
        name, lasts_s = waiting.pop(), chance.uniform(3, 20)
        at_s = clock.monotonic_s() - began_s
        print(f"{at_s:6.0f} s: {name} for {lasts_s:.0f} s", flush=True)
        scene.suffers(FAULTS[name](scene), lasts_s)
        yield Suffered(name, at_s, clock.monotonic_s() - began_s - at_s)


@contextmanager
def a_scene(rate: int) -> Iterator[Scene]:
    """Give a scene under a load of so many checks a second."""
    with tempfile.TemporaryDirectory(prefix="sitemon-soak-") as name, nginx(Path(name), free_port()) as url:
        folder = Path(name)
        with Stack(folder) as stack:
            scene = Scene("soak", folder, stack, url)
            try:
                scene.begin(*PROCESSES, sites=rate * INTERVAL_S, interval_s=INTERVAL_S, path="/")
                yield scene
            finally:
                scene.pipeline.down()


def report(
    *, seed: int, rate: int, minutes: float, suffered: Sequence[Suffered], account: Account, ledger: str, memory: Memory
) -> str:
    """Return the report in Markdown."""
    reasons = Counter(row.reason for row in account.missed)
    kinds = Counter(one.name for one in suffered)
    longest = {name: max(one.lasted_s for one in suffered if one.name == name) for name in kinds}
    missed = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    lines = [
        (
            f"`make soak MINUTES={minutes:g}`, seed {seed}, {format_utc(clock.utc_now())[:16]}Z;"
            f" {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}:"
        ),
        "",
        "| | |",
        "| --- | --- |",
        f"| load | {rate:,} checks a second: {rate * INTERVAL_S:,} sites every {INTERVAL_S} s |",
        f"| faults | {len(suffered)} of {len(kinds)} kinds |",
        f"| slots expected | {account.expected:,} |",
        f"| rows | {account.expected:,}, one for each |",
        (
            f"| real results | {account.expected - len(account.missed):,}"
            f" ({1 - len(account.missed) / account.expected:.2%}) |"
        ),
        f"| missed | {len(account.missed):,}{f': {missed}' if missed else ''} |",
        f"| `sitemon ledger` | {ledger.splitlines()[-1]} |",
        "",
        "| fault | times | longest, with the way back |",
        "| --- | --- | --- |",
        *(f"| {name} | {kinds[name]} | {longest[name]:.0f} s |" for name in FAULTS if name in kinds),
        "",
        "| resident memory, median of each fifth of the run, MiB | |",
        "| --- | --- |",
        *(f"| {name} | {' / '.join(map(str, memory.fifths_mib(name)))} |" for name in PROCESSES),
    ]
    return "\n".join(lines) + "\n"


def has_grown(fifths: Sequence[int]) -> bool:
    """Tell whether the last fifth is much above the second: the first is the start."""
    return len(fifths) == 5 and fifths[-1] > GROWTH_ALLOWED * fifths[1]


def main() -> None:
    """Run, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=int, default=500, help="checks a second")
    parser.add_argument("--seed", type=int, default=clock.now_ms())
    parser.add_argument("--report", type=Path, default=Path("build/soak.md"))
    choices = parser.parse_args()
    print(f"seed {choices.seed}", flush=True)
    with a_scene(choices.rate) as scene:
        with Memory(scene.pipeline.memory_mib) as memory:
            suffered = list(suffer(scene, choices.minutes, random.Random(choices.seed)))
            account = scene.close_account(SETTLE_WITHIN_S)
        ledger = scene.finish()
        text = report(
            seed=choices.seed,
            rate=choices.rate,
            minutes=choices.minutes,
            suffered=suffered,
            account=account,
            ledger=ledger,
            memory=memory,
        )
    choices.report.parent.mkdir(parents=True, exist_ok=True)
    choices.report.write_text(text)
    print(text)
    sys.exit(any(has_grown(memory.fifths_mib(name)) for name in PROCESSES))


if __name__ == "__main__":
    main()
