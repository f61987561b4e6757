"""What a leader says of the schedule before it acts on it.

Each event goes to Kafka first, and the plan takes it once it is safe there: so no slot is sent for which no event asks.
"""

import logging
from collections.abc import Sequence
from itertools import islice
from operator import attrgetter
from typing import Any, Final

from sitemon.config.sites import SiteSet
from sitemon.model.schedule import Ended, Started, Told, Watch, in_events
from sitemon.model.site import Site
from sitemon.schedule.effects import Effects
from sitemon.schedule.lease import Progress
from sitemon.schedule.plan import Plan
from sitemon.schedule.slots import in_time_from_ms, next_slot_ms, patience_ms
from sitemon.turns import Minute, Turns

log = logging.getLogger(__name__)

EVENTS_AT_ONCE: Final = 1_000
"""No slot is sent while Kafka is told of them, which takes 0.05 s on an idle machine, and a beat waits 0.5 s for it."""
EVENTS_OF_A_FILE: Final = 30_000
"""In a minute, of edits, 6 MB. A recorder takes in some 3,000 a second, and closes the account after them."""


class Teller:
    """Says under one token of the lease what is watched: all of it at first and after `tell_all`, else what is edited.

    `plan` holds what was said, and `regions` are those of the sites. A site has slots from the moment on up to which
    all were sent: late ones, if they are not too late. Files take turns, and of one that is edited too much in a minute
    the rest waits for the next one, as it is by then. The methods that say something raise UnreachableError; `say` then
    says it again as it was, with the same numbers, and has to come first.
    """

    def __init__(self, effects: Effects, token: int, at_ms: int) -> None:
        self.plan = Plan()
        self.regions: set[str] = set()
        self._effects = effects
        self._token = token
        self._sequence = 0
        self._turns: Turns[str | None, tuple[Watch, Site | None]] = Turns()
        self._edited: Minute[str] = Minute(EVENTS_OF_A_FILE)
        self._unsaid: Sequence[Started | Ended | Told] = ()
        self.tell_all(at_ms)

    def tell_all(self, at_ms: int) -> None:
        """Let the whole schedule be told, and in the end, that what was not named has ended at this moment."""
        self._first = self._sequence + 1
        self._told_at_ms: int | None = at_ms
        self._sites: SiteSet | None = None

    def tell_more(self, sites: SiteSet, now_ms: int, progress: Progress) -> bool:
        """Say a part of what the plan lacks to watch these sites; tell whether nothing was left to say."""
        if self._edited.begins_after_want(now_ms) or sites is not self._sites:
            self._look_at(sites)
        more = self._lacking if self._told_at_ms is None or self._unnamed else ()
        said = (one for file, one in more if file is None or self._may_say(file, *one))
        self._unsaid = changes = [self._event(*one, now_ms, progress) for one in islice(said, EVENTS_AT_ONCE)]
        if not changes and self._told_at_ms is not None:
            # Not together with the last of them: by now their late slots are sent too, in their turn.
            self._sequence += 1
            self._unsaid = [Told(token=self._token, sequence=self._sequence, at_ms=self._told_at_ms, first=self._first)]
        self.say()
        if changes and self._told_at_ms is None:
            log.info("beat.schedule_changed: %s changes, %s watched", len(changes), len(self.plan))
        return not changes

    def say(self) -> None:
        """Say what is to be said, or could not be said before, and let the plan take it."""
        if self._unsaid:
            self._effects.publish_events(self._unsaid)
        for event in self._unsaid:
            if isinstance(event, Told):
                self.plan.is_whole, self._told_at_ms, self._unnamed = True, None, set()
            else:
                self.plan.take(event)
                self._unnamed.discard(Watch(event.site, event.region))
        self._unsaid = ()

    def _look_at(self, sites: SiteSet) -> None:
        """Find out what is to be said of these sites."""
        # Of a file the shortest intervals first: their slots would be the first to be too late.
        enabled = sorted((site for site in sites.sites if site.enabled), key=attrgetter("interval_ms"))
        wanted = {Watch(site.name, region): site for site in enabled for region in site.regions}
        self.regions = {watch.region for watch in wanted}
        lacking = list(self.plan.lacks(wanted, self._first))
        # Edits add nothing to what the telling has to name: so it ends, however many there are.
        self._unnamed = {watch for watch, _ in lacking if self._sites is None or watch in self._unnamed}
        # Sites one after the other: one that moves to other regions ends in those before when it begins in these.
        places = {site.name: (place, site.file) for place, site in enumerate(enabled)}
        lacking.sort(key=lambda one: (one[0] not in self._unnamed, places.get(one[0].site, (-1, None))))
        self._lacking = self._turns.of((places.get(one[0].site, (-1, None))[1], one) for one in lacking)
        self._sites = sites

    def _may_say(self, file: str, watch: Watch, site: Site | None) -> bool:
        # What a telling has to name is bounded by itself, and what has ended by what began.
        return watch in self._unnamed or self._edited.has_room_for(file, in_events(site.labels if site else {}))

    def _event(self, watch: Watch, site: Site | None, now_ms: int, progress: Progress) -> Started | Ended:
        self._sequence += 1
        numbers = {"token": self._token, "sequence": self._sequence, "at_ms": progress.reached_ms}
        said: dict[str, Any] = {**watch._asdict(), **numbers}
        if site is None:
            return Ended(**said)
        said |= {"interval_ms": site.interval_ms, "patience_ms": patience_ms(site), "labels": site.labels}
        after_ms = max(min(progress.sent_ms, now_ms), in_time_from_ms(site.interval_ms, now_ms) - 1)
        return Started(from_slot_ms=next_slot_ms(site.name, site.interval_ms, after_ms), **said)
