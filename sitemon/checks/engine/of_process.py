"""The engine of a process, and how much it may do at once."""

from typing import Final

from sitemon.checks.engine.loop_engine import LoopEngine
from sitemon.checks.engine.protocol import Engine
from sitemon.checks.net.dialer import SPARE_SOCKETS, dialer_for
from sitemon.checks.net.happy_eyeballs import OWN_SOCKETS
from sitemon.checks.net.resolver import Resolver
from sitemon.config.settings import Settings
from sitemon.per_process import open_files, spare_collector

MOST_AT_ONCE: Final = 4000
"""So many checks at once: 10 % of 50,000 sites a minute that all hang for 10 s need 833."""

_OTHER_FILES: Final = 256


def engine_for(choices: Settings) -> Engine:
    """Return the engine of a process that was told this, and prepare the process for it."""
    spare_collector()
    at_once, spare_sockets = _capacity()
    dialer = dialer_for(choices, Resolver(), spare_sockets)
    return LoopEngine(at_once, per_host=choices.checks_per_host, dialer=dialer)


def _capacity() -> tuple[int, int]:
    """Return how many checks the open files of this process allow, after asking for more of them, and what they leave.

    These are the sockets with which checks try more addresses of a name beside each other than they must be able to.
    """
    files = open_files(MOST_AT_ONCE * OWN_SOCKETS + SPARE_SOCKETS + _OTHER_FILES) - _OTHER_FILES
    spare_sockets = max(0, min(SPARE_SOCKETS, files // 8))
    return max(1, min(MOST_AT_ONCE, (files - spare_sockets) // OWN_SOCKETS)), spare_sockets
