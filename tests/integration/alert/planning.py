"""Windows of the configuration, all written down at once, as `sitemon.alert.maintenance.Planner` does in turns."""

import math
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sitemon.alert.maintenance import plan_some
from sitemon.store.connect import Connection
from sitemon.store.maintenance_plan import Rules, Wanted, look


class Planned(NamedTuple):
    """How many windows were written down, and of which sites others are than this configuration says."""

    windows: int
    differing: Sequence[str]


def plan(conn: Connection, rules: Rules, edited: Collection[str], now: datetime) -> Planned:
    """Write down the windows of sites that are edited, and go on with those of the others."""
    wanted = Wanted(rules, edited)
    left, differing = look(conn, wanted, now)
    count = 0
    while left:
        written = plan_some(conn, left, wanted, now, math.inf)
        left, count = written.left, count + written.windows
    return Planned(count, differing)
