"""How late checks begin with 50,000 and with 100,000 sites a minute."""

from typing import Final

from bench.figures import Bench
from bench.lateness import METHOD, Load, measured_under

BENCH: Final = Bench(
    name="lateness-of-many",
    question="How late does a check begin when there are 50,000 or 100,000 sites, each visited every minute?",
    method=METHOD,
    measure=lambda: measured_under([Load(50_000, 60, 75), Load(100_000, 60, 75)]),
)
