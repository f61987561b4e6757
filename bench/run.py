"""One bench after the other, each in a process of its own: none leaves anything to the next, or ends it by failing."""

import multiprocessing
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Final, Literal, NamedTuple

from bench.figures import Bench, Measured
from bench.registry import all_benches, chosen
from bench.tools import ToolMissingError
from sitemon import clock

State = Literal["measured", "skipped", "failed"]
ENDS_WITHIN_S: Final = 5.0
"""How long the process of a bench has for its end, once it has told what it found."""


class Ran(NamedTuple):
    """What became of a bench: what it measured, or in words why it did not."""

    bench: Bench
    state: State
    measured: Measured
    words: str = ""
    took_s: float = 0.0

    @property
    def is_good(self) -> bool:
        """Tell whether it was skipped, or found figures of which every one meets its goal."""
        figures = self.measured.figures
        return self.state == "skipped" or (bool(figures) and all(figure.is_met for figure in figures))


Listing = Callable[[], Sequence[Bench]]
"""Lists all benches. A new process finds its own there by name: what a bench measures by need not be picklable."""


def run_all(benches: Sequence[Bench], listing: Listing = all_benches) -> Iterator[Ran]:
    """Run benches one by one, and give each as soon as it has ended."""
    for bench in benches:
        began_s = clock.monotonic_s()
        yield in_own_process(bench, listing)._replace(took_s=clock.monotonic_s() - began_s)


def in_own_process(bench: Bench, listing: Listing) -> Ran:
    """Run a bench in a new process and wait for it, whatever ends it; the process ends when this is interrupted."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(bench.name, listing, theirs))
    process.start()
    theirs.close()
    try:
        found = ours.recv()
        process.join(ENDS_WITHIN_S)  # or what it does last would be cut off by the signal below
        return Ran(bench, *found)
    except EOFError:
        process.join()
        return Ran(bench, "failed", Measured([]), f"its process ended with status {process.exitcode}")
    finally:
        process.terminate()
        process.join()


def _tell(name: str, listing: Listing, pipe: Connection) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what it started is ended in good order
    (bench,) = chosen(listing(), [name], is_full=True)
    pipe.send(outcome_of(bench))


def outcome_of(bench: Bench) -> tuple[State, Measured, str]:
    """Measure, here and now. What it raises becomes words; a traceback goes to stderr unless a program is missing."""
    try:
        return "measured", bench.measure(), ""
    except ToolMissingError as missing:
        return "skipped", Measured([]), str(missing)
    except (Exception, SystemExit) as broken:  # noqa: BLE001 - whatever it was, the others go on
        traceback.print_exc()
        return "failed", Measured([]), f"{type(broken).__name__}: {broken}"
