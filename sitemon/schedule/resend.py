"""Batches that no worker has received, which are sent again. Pure.

Redis hands messages out in order: a batch that is older than all that wait, and that no worker has noted, is with
nobody, or with a worker that is about to note it. If it is not noted at the next look, it is sent again, once.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping

from sitemon.schedule.batch import Batch


class Unreceived:
    """The newest batches, `most` in all, that one leader sent and no worker has noted: by region, as they were sent."""

    def __init__(self, most: int = 4_000) -> None:
        self.batches: dict[str, list[Batch]] = defaultdict(list)
        self._most = most
        self._handed_out: set[str] = set()

    def add(self, batch: Batch) -> None:
        """Look for a note of this batch from now on."""
        self.batches[batch.region].append(batch)

    def forget(self, batch: Batch) -> None:
        """Look for it no longer."""
        self.batches[batch.region].remove(batch)

    def known_in(self, regions: Collection[str]) -> list[Batch]:
        """Return those of these regions, and forget the others: nobody looks for them any more."""
        share = self._most // max(sum(map(bool, self.batches.values())), 1)
        self.batches = defaultdict(list, {name: self.batches[name][-share:] for name in regions})
        return [batch for batches in self.batches.values() for batch in batches]

    def lost(self, waiting: Mapping[str, int], noted: Collection[str]) -> list[Batch]:
        """Return those to send again, by how many waited in each region's queue and which ids were noted after that."""
        handed_out: list[Batch] = []
        for region, count in waiting.items():
            unnoted = self.batches[region] = [batch for batch in self.batches[region] if batch.id not in noted]
            handed_out += unnoted[: max(len(unnoted) - count, 0)]
        before, self._handed_out = self._handed_out, {batch.id for batch in handed_out}
        return [batch for batch in handed_out if batch.id in before]
