"""The engine of a process, and how much it may do at once."""

from typing import Final

from sitemon.checks.engine.loop_engine import LoopEngine
from sitemon.checks.engine.protocol import Engine
from sitemon.checks.net.dialer import dialer_for
from sitemon.checks.net.resolver import Resolver
from sitemon.config.settings import Settings
from sitemon.per_process import open_files, spare_collector

MOST_AT_ONCE: Final = 4000
"""So many checks at once: 10 % of 50,000 sites a minute that all hang for 10 s need 833."""

_FILES_A_CHECK: Final = 2  # its connection, and another while two addresses are tried beside each other
_OTHER_FILES: Final = 256


def engine_for(choices: Settings) -> Engine:
    """Return the engine of a process that was told this, and prepare the process for it."""
    spare_collector()
    return LoopEngine(_capacity(), per_host=choices.checks_per_host, dialer=dialer_for(choices, Resolver()))


def _capacity() -> int:
    """Return how many checks the open files of this process allow, after asking for more of them."""
    files = open_files(MOST_AT_ONCE * _FILES_A_CHECK + _OTHER_FILES)
    return max(1, min(MOST_AT_ONCE, (files - _OTHER_FILES) // _FILES_A_CHECK))
