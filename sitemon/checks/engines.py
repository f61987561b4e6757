"""Which engine a process has, and how much it may do at once."""

import resource
from typing import Final

from sitemon.checks.dialer import dialer_for
from sitemon.checks.engine import Engine
from sitemon.checks.requests_engine import RequestsEngine
from sitemon.checks.resolver import Resolver
from sitemon.config.settings import AUTO, CURL, Settings
from sitemon.model.errors import ConfigurationError, Mistake
from sitemon.per_process import spare_collector

try:
    from sitemon.checks.curl_engine import CurlEngine
except ImportError:
    HAS_CURL = False
else:
    HAS_CURL = True

MOST_AT_ONCE: Final = 4000
"""So many checks libcurl makes at once: 10 % of 50,000 sites a minute that all hang for 10 s need 833."""

_FILES_A_CHECK: Final = 3  # of https: its connection, and the pair between TLS and libcurl
_OTHER_FILES: Final = 256


def engine_for(choices: Settings) -> Engine:
    """Return the engine of a process that was told this, and prepare the process for it.

    Raises:
        ConfigurationError: it was told to use libcurl, which is not there.

    """
    dialer = dialer_for(choices, Resolver())
    if choices.engine == CURL and not HAS_CURL:
        problem = "pycurl is not installed, or there is no epoll here: pip install sitemon[fast], on Linux"
        raise ConfigurationError([Mistake("SITEMON_ENGINE", None, "", problem)])
    if HAS_CURL and choices.engine in (AUTO, CURL):
        spare_collector()
        return CurlEngine(_room(), per_host=choices.checks_per_host, dialer=dialer)
    return RequestsEngine(choices.check_threads, per_host=choices.checks_per_host, dialer=dialer)


def _room() -> int:
    """Return how many checks the open files of this process allow, after asking for more of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_AT_ONCE * _FILES_A_CHECK + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return MOST_AT_ONCE
    return max(1, min(MOST_AT_ONCE, (soft - _OTHER_FILES) // _FILES_A_CHECK))
