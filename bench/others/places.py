"""Where the baselines put their results."""

from typing import Final

TOPIC: Final = "bench.results"
TABLE: Final = "bench.site_state"
