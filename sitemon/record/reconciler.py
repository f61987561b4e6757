"""The reconciler: reads what was scheduled and who was at work, and closes the account in the database.

Of all recorders on a database one does it, in a thread of its own beside the recording of results. Who is to do it is
decided by a lock that lasts as long as its session with the database.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final, NamedTuple, Protocol

from sitemon import clock
from sitemon.model.errors import PoisonError, SitemonError
from sitemon.model.marks import Published, Reign
from sitemon.model.moment import to_ms
from sitemon.model.topic_partition import TopicPartition
from sitemon.outage import Outage
from sitemon.record.batch import Rejected, places, read_since
from sitemon.record.horizon import MOST_PUBLISHERS, Horizon
from sitemon.record.notices import sort_out_notices
from sitemon.record.recorder import DeadLetterBox
from sitemon.store.account import (
    close,
    count_away_hours,
    lead_reconciling,
    light,
    read_account,
    read_publishers,
)
from sitemon.store.connect import Connection
from sitemon.store.counts import Counts, keep_counts, read_counts
from sitemon.store.database import Database
from sitemon.store.errors import CanceledError
from sitemon.store.fold import fold
from sitemon.store.positions import Read, read_positions, set_positions
from sitemon.store.schedule import Notice, forget_history, forget_publishers, write_notices
from sitemon.store.slots_ahead import take_what_came
from sitemon.stream.consumer import Message
from sitemon.stream.topics import Topics

log = logging.getLogger(__name__)

_POLL_S: Final = 1.0
_MAX_RECORDS: Final = 5_000
_LOOK_EVERY_S: Final = 2.0
_STAND_BY_S: Final = 5.0
_STEP_MS: Final = 8_000
"""The account is closed so much at a time: each step looks at every site, and the mark is to be younger than 20 s."""
_FORGET_EVERY_S: Final = 3_600.0
_FORGET_AGAIN_S: Final = 60.0
"""After it took too long: nothing was closed meanwhile."""
_MOST_SITES: Final = 1_000
"""Of so many the history is forgotten at once: that of a site that is edited all day is millions of events."""
_MOST_WATCHES: Final = 2_000
"""Of so many what lay ahead is taken at once."""
_FORGET_PUBLISHERS_EVERY_S: Final = 60.0
_MOST_PUT_ASIDE: Final = 100
"""Of a poll: the account waits while they are written. Where the others lie is said."""
_SHORT_S: Final = 0.5
_LONG_S: Final = 2.0
"""How long a transaction that closes the account should take: who records the same sites waits for it."""
_WIDEST_MS: Final = 86_400_000
_BESIDE_S: Final = 2.0
"""What was dark is looked at for so long, and hours are counted, then the account has its turn: it may be days."""
_COUNTS_LAST_MS: Final = 60_000
"""Counts that could not be compared for so long are taken anew."""


class Followed(Protocol):
    """What the reconciler needs of `sitemon.stream.follower.Follower`."""

    def poll(self, timeout_s: float, max_records: int) -> Sequence[Message]:
        """Return the next messages of the topics that are followed."""

    def positions(self) -> Mapping[TopicPartition, int]:
        """Return of each partition the next offset to read, where that is known."""

    def ends(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        """Return where the partitions of any topics end now."""

    def oldest_ms(self, partitions: Iterable[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return when the oldest message of each of these was written; those that are empty are left out."""

    def close(self) -> None:
        """End the connections."""


class _Counted(NamedTuple):
    """What was counted at a moment, to be compared once all of then is recorded."""

    at_ms: int
    counts: Counts


class _Width:
    """How much a transaction should be about, so that it takes about a second: time in milliseconds, sites, watches."""

    def __init__(self, least: int, most: int) -> None:
        self._least = self._width = least
        self._most = most

    @contextmanager
    def measured(self) -> Iterator[int]:
        """Give it for a transaction. One that fails may have been too much at once."""
        began_s, width = clock.monotonic_s(), self._width
        self._width = max(width // 2, self._least)
        yield width
        took_s = clock.monotonic_s() - began_s
        if took_s < _LONG_S:
            self._width = width if took_s >= _SHORT_S else min(width * 2, self._most)


class Reconciler:
    """Belongs to one thread, which `run`s it."""

    def __init__(
        self,
        *,
        database: Database,
        follow: Callable[[Mapping[TopicPartition, int]], Followed],
        dead_letters: DeadLetterBox,
        topics: Topics,
        stop: threading.Event,
    ) -> None:
        self._database = database
        self._follow = follow
        self._dead_letters = dead_letters
        self._topics = topics
        self._stop = stop
        self._read_up_to: dict[TopicPartition, int] = {}
        self._outage = Outage(stop)
        self._closing, self._lighting = _Width(_STEP_MS, _WIDEST_MS), _Width(_STEP_MS, _WIDEST_MS)
        self._forgetting, self._taking = _Width(1, _MOST_SITES), _Width(1, _MOST_WATCHES)
        self._may_light = True
        self._counted: _Counted | None = None
        self._forget_at_s = clock.monotonic_s() + _FORGET_EVERY_S
        self._forgotten_site = 0
        self._forget_publishers_at_s = clock.monotonic_s() + _FORGET_PUBLISHERS_EVERY_S
        self._was_crowded = False

    def run(self) -> None:
        """Close the account again and again until told to stop; whatever fails is tried again."""
        while not self._stop.is_set():
            try:
                self._lead()
            except SitemonError as exc:
                self._outage.wait_after(exc, partial(_say, exc))
            except Exception:
                # Without this thread nobody would ever say what is missing.
                log.exception("reconciler.failed: this is a mistake in sitemon")
                self._stop.wait(_STAND_BY_S)
            finally:
                self._database.close()

    def _lead(self) -> None:
        while not self._database.do(lead_reconciling):
            if self._stop.wait(_STAND_BY_S):
                return
        topics = (self._topics.schedule, self._topics.marks)
        self._read_up_to = self._database.do(lambda conn: read_positions(conn, topics))
        follower = self._follow(self._read_up_to)
        try:
            self._counted, self._may_light = None, True
            self._database.do(fold)
            horizon = Horizon(self._database.do(lambda conn: read_publishers(conn, MOST_PUBLISHERS + 1)))
            self._reconcile(follower, horizon)
        finally:
            follower.close()

    def _reconcile(self, follower: Followed, horizon: Horizon) -> None:
        look_at_s = 0.0
        while not self._stop.is_set():
            messages = follower.poll(_POLL_S, _MAX_RECORDS)
            if messages and not self._take(messages, horizon):
                return
            if clock.monotonic_s() >= look_at_s:
                look_at_s = clock.monotonic_s() + _LOOK_EVERY_S
                self._look(follower, horizon)
                if self._outage.is_over():
                    log.warning("reconciler.recovered: what is missing is decided again")

    def _take(self, messages: Sequence[Message], horizon: Horizon) -> bool:
        """Write the notices; return False when told to stop before what can never be written was put aside."""
        latest_ms = to_ms(self._database.room(clock.utc_now()).last_at)
        batch = sort_out_notices(messages, self._topics, latest_ms)
        if not self._put_aside(batch.rejected):
            return False
        horizon.hear(one for one in batch.notices if isinstance(one, Published))
        try:
            self._write(batch.notices, batch.read)
        except PoisonError as exc:
            rejected = {one.message for one in batch.rejected}
            others = [message for message in messages if message not in rejected]
            if len(others) > 1 and not all(self._take([message], horizon) for message in others):
                return False
            if len(others) == 1 and not self._put_aside([Rejected(others[0], exc.reason, exc.detail)]):
                return False
            self._write((), batch.read)
        return True

    def _write(self, notices: Sequence[Notice], read: Mapping[TopicPartition, Read]) -> None:
        """Write notices, after what was read last: what would lie between was compacted away."""
        since = read_since(read, {partition: self._read_up_to.get(partition, 0) for partition in read})
        self._database.do(lambda conn: write_notices(conn, self._database.names, notices, since))
        self._may_light |= any(isinstance(one, Reign) for one in notices)
        self._read_up_to = {**self._read_up_to, **{partition: one.following for partition, one in read.items()}}

    def _put_aside(self, rejected: Sequence[Rejected]) -> bool:
        """Put the first of them aside, and say where the others lie; return False when told to stop before."""
        if rejected and not self._dead_letters.send(rejected[:_MOST_PUT_ASIDE], self._stop):
            return False
        if others := rejected[_MOST_PUT_ASIDE:]:
            log.warning(
                "reconciler.not_put_aside: %d further messages cannot be written and lie only where they are: %s (%s)",
                len(others),
                places([one.message for one in others]),
                ", ".join(f"{reason} {count}" for reason, count in Counter(one.reason for one in others).most_common()),
            )
        return True

    def _look(self, follower: Followed, horizon: Horizon) -> None:
        """Close the account as far as all is recorded, and let count what lay ahead and has come."""
        self._pass_what_is_no_message(follower)
        if horizon.wants_ends:
            self._aim(follower, horizon)
        positions = self._database.do(lambda conn: read_positions(conn, self._read_topics))
        limit_ms = horizon.limit_ms(positions, clock.monotonic_s())
        self._say_whether_crowded(horizon)
        self._compare_counts(limit_ms)
        while not self._stop.is_set() and self._close_a_part(limit_ms):
            pass
        until_s = clock.monotonic_s() + _BESIDE_S
        while self._may_light and not self._stop.is_set() and clock.monotonic_s() < until_s:
            self._light_a_part()
        self._do_some(count_away_hours)
        if clock.monotonic_s() >= self._forget_at_s:
            self._database.do(self._forget_some)
        if clock.monotonic_s() >= self._forget_publishers_at_s and horizon.has_heard_all:
            living = horizon.publishers
            if not self._database.do(lambda conn: forget_publishers(conn, living)):
                self._forget_publishers_at_s = clock.monotonic_s() + _FORGET_PUBLISHERS_EVERY_S
        self._do_some(self._take_what_came)

    def _do_some(self, action: Callable[[Connection], bool]) -> None:
        """Do something in the database as long as there is more of it, but not for long."""
        until_s = clock.monotonic_s() + _BESIDE_S
        while not self._stop.is_set() and clock.monotonic_s() < until_s and self._database.do(action):
            pass

    def _say_whether_crowded(self, horizon: Horizon) -> None:
        if horizon.is_crowded and not self._was_crowded:
            log.warning(
                "reconciler.too_many_publishers: more than %d say on %s that they publish results; nothing is called"
                " missed while new ones do, for 15 minutes at most",
                MOST_PUBLISHERS,
                self._topics.marks,
            )
        self._was_crowded = horizon.is_crowded

    def _pass_what_is_no_message(self, follower: Followed) -> None:
        """Count the markers of transactions as read, behind which there may be no message for hours."""
        read = {one: Read(self._read_up_to.get(one, 0), at) for one, at in follower.positions().items()}
        if passed := {one: span for one, span in read.items() if span.following > span.first}:
            self._write((), passed)

    def _aim(self, follower: Followed, horizon: Horizon) -> None:
        """Ask where the topics end now, and count before that what is there."""
        now_ms = self._database.do(read_account).now_ms
        if self._counted is None or self._counted.at_ms < now_ms - _COUNTS_LAST_MS:
            self._counted = _Counted(now_ms, self._database.do(read_counts))
        positions = self._database.do(lambda conn: read_positions(conn, self._read_topics))
        ends = follower.ends(self._read_topics)
        shrunk = {partition: ends[partition] for partition, at in positions.items() if at > ends.get(partition, at)}
        if shrunk:
            self._begin_anew(follower, {one: shrunk[one] for one in horizon.ends_early(shrunk, clock.monotonic_s())})
        else:
            horizon.aim(now_ms, ends)

    def _begin_anew(self, follower: Followed, ends: Mapping[TopicPartition, int]) -> None:
        """Let partitions of topics that were made anew count as unread, but for what we have read of them ourselves.

        One that has a message of before up to when all is accounted for is of none of these: it has lost its newest
        ones, and what is left was read.
        """
        if not ends:
            return
        closed_ms = self._database.do(read_account).closed_ms
        old = {one for one, written_ms in follower.oldest_ms(ends).items() if written_ms < closed_ms}
        read = {one: end if one in old else 0 for one, end in ends.items()}
        read |= {one: at for one, at in self._read_up_to.items() if at <= ends.get(one, -1)}
        if anew := ends.keys() - old:
            log.warning("reconciler.topic_anew: %s", _names_of(anew))
        if old:
            log.warning("reconciler.messages_lost: %s", _names_of(old))
        self._database.do(lambda conn: set_positions(conn, read))
        self._read_up_to = {one: read.get(one, at) for one, at in self._read_up_to.items()}

    def _compare_counts(self, limit_ms: int) -> None:
        counted = self._counted
        if counted is not None and limit_ms >= counted.at_ms:
            self._counted = None
            self._database.do(lambda conn: keep_counts(conn, counted.at_ms, counted.counts))

    def _close_a_part(self, limit_ms: int) -> bool:
        """Close the next part of the account, as much as takes about a second; return whether more may follow.

        It does not pass the clock of PostgreSQL, which readers go by: an edit would reach far behind an account that
        was closed by a clock that is ahead.
        """
        account = self._database.do(read_account)
        limit_ms = min(limit_ms, account.now_ms)
        if limit_ms - account.closed_ms < _STEP_MS:
            return False
        with self._closing.measured() as width_ms:
            until_ms = min(limit_ms, account.closed_ms + width_ms)
            self._database.do(lambda conn: close(conn, until_ms))
        return until_ms < limit_ms

    def _light_a_part(self) -> None:
        """Look at the next part of what was dark, as much as takes about a second."""
        with self._lighting.measured() as width_ms:
            self._may_light = self._database.do(lambda conn: light(conn, width_ms))

    def _take_what_came(self, conn: Connection) -> bool:
        with self._taking.measured() as watches:
            return take_what_came(conn, watches)

    def _forget_some(self, conn: Connection) -> None:
        """Forget the history of the next sites. That it takes too long keeps nobody from closing the account."""
        try:
            with self._forgetting.measured() as sites:
                self._forgotten_site = forget_history(conn, sites, self._forgotten_site)
        except CanceledError as exc:
            log.warning("reconciler.forgets_later: the history of %s sites took too long: %s", sites, exc)
            self._forget_at_s = clock.monotonic_s() + _FORGET_AGAIN_S
        else:
            if not self._forgotten_site:
                self._forget_at_s = clock.monotonic_s() + _FORGET_EVERY_S

    @property
    def _read_topics(self) -> tuple[str, str, str]:
        return self._topics.results, self._topics.schedule, self._topics.marks


def _say(exc: SitemonError) -> None:
    log.warning("reconciler.waiting: what is missing is not decided now: %s", exc)


def _names_of(partitions: Iterable[TopicPartition]) -> str:
    return ", ".join(f"{topic} {number}" for topic, number in sorted(partitions))
