"""Run benches, and report them on the terminal, in build/bench.json and as a chart in build/bench.svg.

    python -m bench [NAME...] [--full] [--compare] [--store]

Without a name the short ones; with --full all. Exit status 1 when one failed or missed a goal; with --compare instead
when one failed or a ratio is 15 % behind the stored one.
"""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench import compare, report
from bench.chart import chart_of
from bench.registry import UnknownBenchError, all_benches, chosen
from bench.run import Ran, run_all

BUILD = report.ROOT / "build"


def main() -> None:
    """Run those that are asked for."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    benches = all_benches()
    options = _options([f"  {bench.name:12} {bench.question}" for bench in benches])
    try:
        wanted = chosen(benches, options.names, is_full=options.full)
    except UnknownBenchError as wrong:
        print(f"bench: {wrong}", file=sys.stderr)
        sys.exit(2)
    console, where, ran = Console(), report.effects(), list[Ran]()
    for one in run_all(wanted):
        ran.append(one)
        console.print(f"{one.bench.name}: {one.words or one.state}, {one.took_s:.0f} s", markup=False, highlight=False)
    write(ran, where, console)
    if options.store:
        compare.store(ran)
    sys.exit(not is_good(ran, console, is_compared=options.compare))


def write(ran: Sequence[Ran], where: report.Effects, console: Console, folder: Path = BUILD) -> None:
    """Print the table, and write JSON and chart into a folder."""
    report.show(ran, where, console)
    folder.mkdir(exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(report.as_json(ran, where), indent=2) + "\n")
    (folder / "bench.svg").write_text(chart_of(ran, str(where)))


def is_good(ran: Sequence[Ran], console: Console, *, is_compared: bool) -> bool:
    """Tell whether the run keeps its goals or, if it is compared, what is stored; name each ratio that does not."""
    if not is_compared:
        return all(one.is_good for one in ran)
    stored = compare.read_stored()
    behind = compare.fell_behind(ran, stored) if stored else ["nothing is stored: --store keeps the ratios of a run"]
    for line in behind:
        console.print(f"behind: {line}", markup=False, highlight=False)
    return not behind and all(one.state != "failed" for one in ran)


def _options(listed: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog="\n".join(("benches:", *listed)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--full", action="store_true", help="all, not only the short ones")
    parser.add_argument("--compare", action="store_true", help="fail when a ratio is 15 %% behind the stored one")
    parser.add_argument("--store", action="store_true", help="store this run's ratios for --compare")
    return parser.parse_args()


if __name__ == "__main__":
    main()
