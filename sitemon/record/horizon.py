"""How far the account may be closed: up to when all that was made is recorded. Pure; time is an argument."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from sitemon.model.marks import Published
from sitemon.model.topic_partition import TopicPartition

SILENT_AFTER_S: Final = 30.0
"""A publisher marks its time every 5 s: one that was not heard of for so long is dead."""
LONGEST_HOLD_S: Final = 900.0
"""Who does not come on for so long holds up nobody any more. A slot called missed in vain costs some microseconds."""
MOST_PUBLISHERS: Final = 2_000
"""A process each: an installation has a few dozen."""
_LONGEST_STEP_S: Final = 5.0
_SHRUNK_AFTER_S: Final = 10.0
"""A broker that begins to lead a partition may not know for a moment how far it goes."""


class _Aim(NamedTuple):
    """Where the partitions ended at a moment: once they are read so far, all that was there then is recorded."""

    at_ms: int
    ends: Mapping[TopicPartition, int]


class _Heard(NamedTuple):
    """Up to when a publisher has published; when it said anything last, and when it came on last, by `live_s`."""

    up_to_ms: int
    at_live_s: float
    moved_at_live_s: float


class _Crowd(NamedTuple):
    """Since when more publishers speak than have a place, and when one without a place did last, by `live_s`."""

    since_live_s: float
    at_live_s: float


class Horizon:
    """The state: what is to be read, who publishes, and who of them holds up the account.

    `live_s` counts the seconds in which the newest of Kafka was read: only then, silence means something.

    Whoever has a place keeps it until it is silent. Who finds none is not known, so all wait for it as for one known.
    """

    def __init__(self, publishers: Mapping[str, int]) -> None:
        """Begin with up to when publishers have published: one that is dead is known by its silence from now on.

        Of more than there are places for none is known: all who live are heard of before they are silent for long.
        """
        self.live_s = 0.0
        self._aim: _Aim | None = None
        self._read_up_to_ms = 0
        self._seen_at_s: float | None = None
        self._stuck_since_s: dict[TopicPartition, tuple[int, float]] = {}
        self._shrunk_since_s: dict[TopicPartition, float] = {}
        is_crowded = len(publishers) > MOST_PUBLISHERS
        self._crowd = _Crowd(0.0, 0.0) if is_crowded else None
        known: Mapping[str, int] = {} if is_crowded else publishers
        self._heard = {name: _Heard(up_to_ms, 0.0, 0.0) for name, up_to_ms in known.items()}

    @property
    def publishers(self) -> Sequence[str]:
        """Who has a place."""
        return list(self._heard)

    @property
    def is_crowded(self) -> bool:
        """Whether publishers without a place may live."""
        return self._crowd is not None

    @property
    def has_heard_all(self) -> bool:
        """Whether whoever lived at the beginning was heard of since."""
        return self.live_s >= SILENT_AFTER_S

    @property
    def wants_ends(self) -> bool:
        """Whether the ends of the partitions have to be asked for."""
        return self._aim is None

    def ends_early(self, shrunk: Iterable[TopicPartition], monotonic_s: float) -> set[TopicPartition]:
        """Return of the partitions that end before where they were read those that have for long: it will stay so."""
        self._shrunk_since_s = {partition: self._shrunk_since_s.get(partition, monotonic_s) for partition in shrunk}
        return {one for one, since_s in self._shrunk_since_s.items() if monotonic_s - since_s >= _SHRUNK_AFTER_S}

    def aim(self, now_ms: int, ends: Mapping[TopicPartition, int]) -> None:
        """Note where the partitions end, asked for at this moment."""
        self._aim = _Aim(now_ms, ends)

    def hear(self, marks: Iterable[Published]) -> None:
        """Note what publishers said."""
        for mark in marks:
            if mark.is_last:
                self._heard.pop(mark.publisher, None)
            elif mark.publisher not in self._heard and len(self._heard) >= MOST_PUBLISHERS:
                self._crowd = _Crowd(self._crowd.since_live_s if self._crowd else self.live_s, self.live_s)
            else:
                before = self._heard.get(mark.publisher)
                stays = before is not None and before.up_to_ms >= mark.up_to_ms
                moved_at_live_s = before.moved_at_live_s if before is not None and stays else self.live_s
                self._heard[mark.publisher] = _Heard(mark.up_to_ms, self.live_s, moved_at_live_s)

    def limit_ms(self, positions: Mapping[TopicPartition, int], monotonic_s: float) -> int:
        """Return up to when all is recorded, given up to where each partition is read; 0 while nobody can know."""
        if self._aim is not None and self._is_read(self._aim, positions, monotonic_s):
            self._read_up_to_ms = self._aim.at_ms
            self._aim = None
            self._pass_time(monotonic_s)
        self._heard = {
            name: heard for name, heard in self._heard.items() if self.live_s - heard.at_live_s < SILENT_AFTER_S
        }
        if self._crowd and self.live_s - self._crowd.at_live_s >= SILENT_AFTER_S:
            self._crowd = None
        if self._crowd and self.live_s - self._crowd.since_live_s < LONGEST_HOLD_S:
            return 0
        holding = [one for one in self._heard.values() if self.live_s - one.moved_at_live_s < LONGEST_HOLD_S]
        return min([self._read_up_to_ms, *(heard.up_to_ms for heard in holding)])

    def _is_read(self, aim: _Aim, positions: Mapping[TopicPartition, int], monotonic_s: float) -> bool:
        """Tell whether all is read that was there; a partition that nobody reads is waited for only so long."""
        behind = {partition for partition, end in aim.ends.items() if positions.get(partition, 0) < end}
        self._stuck_since_s = {
            partition: since
            for partition, since in self._stuck_since_s.items()
            if partition in behind and since[0] == positions.get(partition, 0)
        }
        for partition in behind:
            self._stuck_since_s.setdefault(partition, (positions.get(partition, 0), monotonic_s))
        return all(monotonic_s - self._stuck_since_s[partition][1] > LONGEST_HOLD_S for partition in behind)

    def _pass_time(self, monotonic_s: float) -> None:
        if self._seen_at_s is not None:
            self.live_s += min(monotonic_s - self._seen_at_s, _LONGEST_STEP_S)
        self._seen_at_s = monotonic_s
