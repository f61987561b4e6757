"""The way of a slot: due by the plan, sent to the workers of its region, or shed where too much waits already."""

import logging
from collections.abc import Collection, Iterable
from typing import Final

from sitemon.model.outcome import Reason
from sitemon.model.result import missed_result
from sitemon.queues import delete_queues, look
from sitemon.redis_client import mapped
from sitemon.schedule.batch import Batch, batches_of
from sitemon.schedule.effects import Effects
from sitemon.schedule.lease import Lease, Progress
from sitemon.schedule.plan import DueSlot, Plan
from sitemon.schedule.resend import Unreceived
from sitemon.schedule.room import Room, Waiting

log = logging.getLogger(__name__)

_MOST_AGAIN: Final = 500
"""Batches of one look: the lease has to last meanwhile."""
MOST_AT_ONCE: Final = 5_000
"""Slots of one tick: to send so many takes a fraction of the lease's time to live."""
_FARTHEST_AHEAD_MS: Final = 86_400_000
"""By a mark that lies farther ahead nobody was: of what is said to begin there, recorders keep nothing."""


class Dispatch:
    """Sends slots, and knows how far it has come. Raises UnreachableError, RefusedError or LeaseLostError everywhere.

    A crash at any point repeats slots and loses none: the mark, where the next leader goes on, follows what was sent.
    """

    def __init__(self, lease: Lease, effects: Effects) -> None:
        self.progress = Progress()
        self._lease = lease
        self._effects = effects
        self._unsent: list[Batch] = []
        self._unreceived = Unreceived()
        self._room = Room()
        self._full_regions: set[str] = set()

    def begin(self, now_ms: int) -> None:
        """Go on where we or another leader stopped, whoever came further; from now on where nothing is known."""
        ours, theirs = self.progress, self._lease.found
        if max(theirs) > now_ms + _FARTHEST_AHEAD_MS:
            theirs = Progress()
        sent_ms = max(ours.sent_ms, theirs.sent_ms) or now_ms
        self.progress = Progress(min(sent_ms, now_ms), max(ours.reached_ms, theirs.reached_ms, now_ms))
        self._unsent, self._unreceived, self._room = [], Unreceived(), Room()

    def send_due(self, plan: Plan, now_ms: int) -> int:
        """Send what is due, not more at once than the lease lasts for; return up to when all of it is sent."""
        (sent_ms, reached_ms), until_ms, next_ms = self.progress, now_ms, plan.next_due_ms
        if self._unsent or (next_ms is not None and next_ms <= now_ms):
            # Right before: a beat that is deposed and does not know it sends nothing.
            self._lease.mark(Progress(sent_ms, max(now_ms, reached_ms)))
            due, until_ms = plan.due(now_ms, MOST_AT_ONCE)
            self.progress = Progress(sent_ms, max(until_ms, reached_ms))
            self._unsent += batches_of(slot for slot in due if slot[1] not in self._full_regions)
            self._shed([slot for slot in due if slot[1] in self._full_regions], now_ms)
        while self._unsent:
            self._effects.send(self._unsent[0], self._lease.clock.machine_ahead_ms)
            self._unreceived.add(self._unsent.pop(0))
        self.progress = Progress(max(until_ms, sent_ms) if plan.is_whole else sent_ms, max(until_ms, reached_ms))
        return until_ms

    def look_at_queues(self, regions: Collection[str], most_again: int | None = _MOST_AGAIN) -> None:
        """See where so much waits that what is due is shed until the next look, and send again what nobody has."""
        with mapped():
            delete_queues(self._lease.client, self._unreceived.batches.keys() - regions)
            known = self._unreceived.known_in(set(regions) - self._full_regions)
            found = look(self._lease.client, regions, [batch.id for batch in known])
        waiting = {region: Waiting(*found.waiting[region]) for region in regions}
        messages = {region: one.messages for region, one in waiting.items()}
        if lost := self._unreceived.lost(messages, found.noted)[:most_again]:
            log.warning("beat.sent_again: %s slots that no worker received", sum(len(batch.slots) for batch in lost))
        for batch in lost:
            self._effects.send(batch, self._lease.clock.machine_ahead_ms)
            self._unreceived.forget(batch)
        full = self._room.full(waiting, {batch.region for batch in known if batch.id in found.noted})
        if full != self._full_regions:
            log.warning("beat.queues_full: slots are shed in %s", ", ".join(sorted(full)) or "no region any more")
        self._full_regions = full

    def _shed(self, slots: Iterable[DueSlot], now_ms: int) -> None:
        sites, reason = self._effects.sites().by_name, Reason.SHED
        if missed := [
            missed_result(name, sites.get(name), region=region, slot_ms=slot_ms, known_at_ms=now_ms, reason=reason)
            for name, region, slot_ms in slots
        ]:
            self._effects.publish_missed(missed)
