"""What sites that hang until their timeout do to others, to memory, and to their own slots."""

from typing import Final

from bench.figures import Bench
from bench.lateness import METHOD, Load, measured_under

BENCH: Final = Bench(
    name="hanging",
    question="Of 100,000 sites every minute some hang, or all: are the others late, does memory grow, is a slot lost?",
    method=(
        f"{METHOD} Sites that hang take the connection and never answer, at 250 addresses; a check gives up after 10 s."
        " When all do, each process of the worker can visit 400 a second (4,000 at once), and the rest has to"
        " be shed: from a minute after the start on, when the first are too late."
    ),
    measure=lambda: measured_under([Load(100_000, 60, 75, hanging_every=10), Load(100_000, 60, 180, hanging_every=1)]),
)
