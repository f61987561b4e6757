"""Says when nobody looks at sites, and tells an outside service that results are recorded."""

import logging
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Final

from sitemon import clock
from sitemon.alert.links import linked
from sitemon.alert.own_events import silence_event
from sitemon.alert.regions import unnamed_regions
from sitemon.checks.once import observe
from sitemon.model.alerts import GONE_FILE, NO_FILE, Alerts, Heartbeat
from sitemon.model.outcome import Outcome
from sitemon.model.site import Site
from sitemon.store.connect import Connection
from sitemon.store.deciding import Saying
from sitemon.store.silence import NAMED, Silence, is_recording, take_silences
from sitemon.turns import in_turns

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 15.0
_SAID_AT_ONCE: Final = 20
"""Of what begins, and of what is over: who has sites in very many regions would have all others overlooked."""


def say_silences(
    conn: Connection,
    alerts: Alerts,
    now: Callable[[], datetime],
    files_by_region: Mapping[str, Collection[str]],
    file_of: Callable[[str], str],
) -> None:
    """Say for which causes sites are not looked at, each once, and when that is over; again, if it is of others too.

    Each region of sites has its own silence, with the files of these sites; of most other regions it is said together.
    Where it is more than is said at once, the rest is for later looks, by turns of files.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says; nothing is said then.

    """
    with take_silences(conn) as silences:
        lasting = silences.lasting({*files_by_region, *unnamed_regions(silences.connectivity, alerts)})
        told = silences.told()
        causes = {*map(_key, lasting)}
        untold = ((map(file_of, one.further), one) for one in _untold(lasting, told, file_of))
        ended = ((files_by_region.get(one.region, ()), one) for one in told if _key(one) not in causes)
        begun = [one for one in _some_in_turns(untold) if silences.tell(one)]
        over = [one for one in _some_in_turns(ended) if silences.end(one)]
        # What lasts comes last, so that nobody takes the end of one cause for the end of all.
        events = [
            *(silence_event(one, now(), is_over=True, still=_still(one, lasting)) for one in over),
            *(silence_event(one, now(), is_over=False) for one in begun),
        ]
        for one in begun:
            log.error("alerter.silent: %s sites are not looked at: %s %s", one.sites, one.cause, one.region)
        if events:
            channels = alerts.channels_hearing("silent")
            owner_of = _owners(files_by_region)
            silences.say(
                Saying(channel, None, linked(event, alerts.page_url), 0.0, owner_of(one.region))
                for one, event in zip([*over, *begun], events, strict=True)
                for channel in channels
            )


def _owners(files_by_region: Mapping[str, Collection[str]]) -> Callable[[str], str]:
    """Return what tells whose a region is: of the files that name it the one that names fewest.

    So whoever names very many, also those of others, has what is said of these wait for nothing but his own.
    """
    named = Counter(chain.from_iterable(files_by_region.values()))

    def owner_of(region: str) -> str:
        files = files_by_region.get(region, ())
        return min(files, key=lambda file: (named[file], file), default=GONE_FILE) if region else NO_FILE

    return owner_of


def _untold(lasting: Iterable[Silence], told: Iterable[Silence], file_of: Callable[[str], str]) -> Iterator[Silence]:
    """Yield what was not told, and what was and is to be told of further sites, which it names."""
    known = {*map(_key, told)}
    for one in lasting:
        if _key(one) not in known:
            yield one
        elif names := _further(one, file_of):
            yield one._replace(named=names)


def _some_in_turns(silences: Iterable[tuple[Iterable[str], Silence]]) -> list[Silence]:
    """Return what is said at once of silences with the files of their sites: by turns of these."""
    return in_turns((frozenset(files), one) for files, one in silences)[:_SAID_AT_ONCE]


def _key(silence: Silence) -> tuple[str, str]:
    return silence.cause, silence.region


def _further(silence: Silence, file_of: Callable[[str], str]) -> tuple[str, ...]:
    """Return some sites of files of which nobody was told, or of others, if these are more than were told of.

    Whoever may edit sites can have some of which the cause lasts for ever: nobody would hear of those of others.
    """
    files = {file_of(name) for name in silence.known}
    found = [name for name in silence.further if file_of(name) not in files]
    if not found and len(silence.further) > len(silence.known):
        return silence.further[:NAMED]
    return tuple(found[:NAMED])


def _still(over: Silence, lasting: Sequence[Silence]) -> list[str]:
    """Return for which causes sites are not looked at where another cause is over, each once: these may be the same."""
    return list(dict.fromkeys(one.cause for one in lasting if not over.region or one.region in {"", over.region}))


class Heart:
    """Calls a URL while results are recorded: who waits for the calls notices when all of sitemon is dead."""

    def __init__(self) -> None:
        self._called_at_s = -math.inf
        self._problem = ""

    def beat(self, conn: Connection, heartbeat: Heartbeat) -> None:
        """Call the URL, if it is time to.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

        """
        if clock.monotonic_s() - self._called_at_s < heartbeat.every_s:
            return
        self._called_at_s = clock.monotonic_s()
        problem = _called(heartbeat.url) if is_recording(conn) else "nothing was recorded lately"
        if problem != self._problem:
            if problem:
                log.warning("alerter.heartbeat_missed: %s", problem)
            else:
                log.warning("alerter.heartbeat_back: it is called again")
        self._problem = problem


def _called(url: str) -> str:
    found = observe(Site(name="heartbeat", url=url))
    if found.outcome is not Outcome.DOWN:
        return ""
    return f"its URL does not take it: {found.reason}" + (f" ({found.http_code})" if found.http_code else "")
