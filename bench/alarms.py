"""False alarms, and how soon people know: ours beside Gatus over the same flapping sites, at the same time.

    python -m bench.alarms [--seed 1] [--interval 10]

A site answers both by the same script (`bench.flapping`). Both are told to alert after 3 failures in a row and to take
it back after 2 good answers, and say so to a receiver on this machine. Sites that are down for 5 to 15 s are in no real
outage and are not well: whether they are told is counted apart.
"""

import argparse
import base64
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from bench.figures import Bench, Figure, Measured
from bench.flapping import (
    FLAKY_SHARE,
    OUTAGE_INTERVALS,
    RUN_INTERVALS,
    SITES_OF,
    TIMEOUT_S,
    Failure,
    FlappingServer,
    Kind,
    Script,
    Told,
    scripts_of,
)
from bench.gatus import gatus
from bench.pipeline import pipeline_of, quantile
from bench.report import amount
from sitemon import clock
from sitemon.local.ports import LOOPBACK, free_port
from tests.pipeline import Pipeline, wait_for

INTERVAL_S: Final = 10.0
DOWN_AFTER, UP_AFTER = 3, 2
LATE_S: Final = 5.0
"""A message that comes so soon after the end of an outage is still about it."""
GOAL_S: Final = 8.0


class Judged(NamedTuple):
    """What the messages of one side come to."""

    false: Mapping[Kind, int]
    """Messages about sites that were in no outage, by how these behaved."""
    missed: int
    """Real outages of which nothing was said."""
    short_told: int
    from_failure_s: Sequence[float]
    """From the first failing check of a real outage to its message."""
    from_beginning_s: Sequence[float]


def judge(scripts: Mapping[str, Script], failures: Sequence[Failure], told: Sequence[Told]) -> Judged:
    """Judge one side, by its own failing checks and messages."""
    false, missed, short_told = Counter[Kind](), 0, 0
    from_failure_s, from_beginning_s = list[float](), list[float]()
    for site, script in scripts.items():
        said_s = [message.at_s for message in told if message.site == site]
        for outage in script.stretches if script.kind in {Kind.OUTAGE, Kind.SHORT} else ():
            about = [at_s for at_s in said_s if outage.from_s <= at_s <= outage.until_s + LATE_S]
            if about:
                said_s.remove(about[0])
            if script.kind is Kind.SHORT:
                short_told += bool(about)
            elif about:
                failed_s = (one.at_s for one in failures if one.site == site and one.at_s >= outage.from_s)
                from_failure_s.append(about[0] - min(failed_s))
                from_beginning_s.append(about[0] - outage.from_s)
            else:
                missed += 1
        false[script.kind] += len(said_s)
    return Judged(false, missed, short_told, from_failure_s, from_beginning_s)


def gatus_configuration(server: FlappingServer, names: Sequence[str], interval_s: float) -> dict[str, Any]:
    """Return what Gatus is to do."""
    return {
        "concurrency": 50,
        "web": {"address": LOOPBACK, "port": free_port()},
        "alerting": {
            "custom": {
                "url": server.url("theirs"),
                "method": "POST",
                "body": '{"type": "[ALERT_TRIGGERED_OR_RESOLVED]", "data": {"site": "[ENDPOINT_NAME]"}}',
                "default-alert": {
                    "failure-threshold": DOWN_AFTER,
                    "success-threshold": UP_AFTER,
                    "send-on-resolved": True,
                },
            }
        },
        "endpoints": [
            {
                "name": name,
                "url": server.url("theirs", name),
                "interval": f"{interval_s:g}s",
                "client": {"timeout": f"{TIMEOUT_S:g}s"},
                "conditions": ["[STATUS] == 200"],
                "alerts": [{"type": "custom"}],
            }
            for name in names
        ],
    }


@contextmanager
def ours(folder: Path, server: FlappingServer, names: Sequence[str], interval_s: float) -> Iterator[Pipeline]:
    """Run our pipeline with an alerter over the server's sites."""
    fields = {"interval": interval_s, "timeout": TIMEOUT_S, "down_after": DOWN_AFTER, "up_after": UP_AFTER}
    sites = [{"name": name, "url": server.url("ours", name), **fields} for name in names]
    channel = {"webhook": server.url("ours"), "secret": f"whsec_{base64.b64encode(os.urandom(24)).decode()}"}
    alerts = folder / "alerts.yaml"
    alerts.touch(mode=0o600)
    alerts.write_text(yaml.safe_dump({"channels": {"hook": channel}, "routes": [{"channels": ["hook"]}]}))
    with pipeline_of(folder, sites) as pipeline:
        pipeline.extra["CONF_DIR"] = str(folder)
        pipeline.start("alerter")
        well = "SELECT count(*) FROM sitemon.site_status WHERE state = 'up'"
        wait_for(lambda: pipeline.rows(well) == [(len(names),)], 120)
        yield pipeline


def measure(seed: int = 1, interval_s: float = INTERVAL_S) -> Measured:
    """Run both over the same sites, and judge what each said."""
    scripts = scripts_of(seed, interval_s)
    names = list(scripts)
    with (
        tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name,
        FlappingServer(scripts) as server,
    ):
        folder = Path(name)
        with gatus(folder, gatus_configuration(server, names, interval_s)), ours(folder, server, names, interval_s):
            wait_for(lambda: all(server.seen["theirs", name] for name in names), 120)
            server.begin()
            clock.sleep(RUN_INTERVALS * interval_s)
            told = [one for one in server.told if one.type in {"site.down", "TRIGGERED"}]
    our_side, their_side = (
        judge(
            scripts,
            [failure for failure in server.failures if failure.visitor == side],
            [message for message in told if message.visitor == side],
        )
        for side in ("ours", "theirs")
    )
    short = sum(len(script.stretches) for script in scripts.values() if script.kind is Kind.SHORT)
    return report_of(our_side, their_side, short, seed)


def report_of(our_side: Judged, their_side: Judged, short: int, seed: int) -> Measured:
    """Return the figures of both sides, ours with the goals: fewer false alarms, none missed, told soon."""
    fewer = float(sum(their_side.false.values()) - 1)
    figures = [*figures_of("ours", our_side, short, fewer), *figures_of("Gatus", their_side, short)]
    by_kind = ", ".join(f"{kind} {our_side.false[kind]} and {their_side.false[kind]}" for kind in SITES_OF)
    return Measured(figures, [f"false alarms by how a site behaves, ours and Gatus': {by_kind}", f"seed {seed}"])


def figures_of(side: str, judged: Judged, short: int, most_false: float | None = None) -> Iterator[Figure]:
    """Yield what one side's messages come to, with goals if there is one for false alarms."""
    has_goals = most_false is not None
    yield Figure(f"{side}: false alarms", sum(judged.false.values()), "", goal=most_false)
    yield Figure(f"{side}: real outages missed", judged.missed, "", goal=0.0 if has_goals else None)
    yield Figure(f"{side}: short outages told, of {short}", judged.short_told, "", "higher")
    for since, seconds, goal_s in (
        ("first failing check", judged.from_failure_s, GOAL_S if has_goals else None),
        ("beginning", judged.from_beginning_s, None),
    ):
        in_ms = sorted(round(one * 1_000) for one in seconds)
        yield Figure(f"{side}: {since} to message, median", quantile(in_ms, 0.5) / 1_000, "s", goal=goal_s)
        yield Figure(f"{side}: {since} to message, p95", quantile(in_ms, 0.95) / 1_000, "s")


_SITES: Final = ", ".join(f"{count} {kind}" for kind, count in SITES_OF.items())

BENCH: Final = Bench(
    name="alarms",
    question="How many false alarms are there, and how soon do people know, beside Gatus?",
    method=(
        f"{sum(SITES_OF.values())} sites every {INTERVAL_S:g} s ({_SITES}), the same for both at the same time, for "
        f"{RUN_INTERVALS} intervals; both alert after {DOWN_AFTER} failures and take it back after {UP_AFTER} good "
        "answers; a blip is one failed answer, a minute apart on average; flaky sites fail "
        f"{FLAKY_SHARE:.0%} of their answers; flapping ones are down for 1 to 4 s every 2 to 12, stalling ones silent "
        "for 2 to 6; short outages of 5 to 15 s are neither false nor missed; real ones last "
        f"{OUTAGE_INTERVALS:g} intervals"
    ),
    measure=measure,
)


def main() -> None:
    """Run once and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of what the sites do")
    parser.add_argument("--interval", type=float, default=INTERVAL_S, help="seconds")
    choices = parser.parse_args()
    figures, notes = measure(choices.seed, choices.interval)
    for figure in figures:
        print(f"{figure.name}: {amount(figure.value, figure.unit)}")
    print(*notes, sep="\n")


if __name__ == "__main__":
    main()
