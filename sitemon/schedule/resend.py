"""Batches that no worker has received, which are sent again. Pure.

Redis hands messages out in order: a batch that is older than all that wait, and that no worker has noted, is with
nobody, or with a worker that is about to note it. If it is not noted at the next look, it is sent again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from sitemon.schedule.batch import Batch


class Unreceived:
    """The newest batches, `most` in all, that one leader sent and no worker has noted: by region, as they were sent."""

    def __init__(self, most: int = 4_000) -> None:
        self._most = most
        self._batches: dict[str, list[Batch]] = defaultdict(list)
        self._handed_out: dict[str, set[str]] = defaultdict(set)

    def add(self, batch: Batch) -> None:
        """Look for a note of this batch from now on."""
        self._batches[batch.region].append(batch)

    def ids_in(self, regions: Collection[str]) -> list[str]:
        """Return the ids of those of these regions, and forget the others: nobody looks for them any more."""
        share = self._most // max(sum(map(bool, self._batches.values())), 1)
        self._batches = defaultdict(list, {name: self._batches[name][-share:] for name in regions})
        return [batch.id for batches in self._batches.values() for batch in batches]

    def lost(self, waiting: Mapping[str, int], noted: Collection[str], *, is_last: bool = False) -> Iterator[Batch]:
        """Yield the batches to send again, each once, by how many messages waited in each region's queue.

        `noted` are the ids of those that were noted when they were looked for, after the queues. For those who are
        about to note a batch the last look waits no longer: it may be sent twice rather than not at all.
        """
        for region, count in waiting.items():
            unnoted = [batch for batch in self._batches[region] if batch.id not in noted]
            handed_out = {batch.id for batch in unnoted[: max(len(unnoted) - count, 0)]}
            gone = handed_out if is_last else handed_out & self._handed_out[region]
            self._handed_out[region] = handed_out - gone
            self._batches[region] = [batch for batch in unnoted if batch.id not in gone]
            yield from (batch for batch in unnoted if batch.id in gone)
