"""What pages show of the past of each site: 90 days, and the latencies of a day. It changes slowly, and costs."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from sitemon import clock
from sitemon.model.counts import Counts, total_of
from sitemon.model.errors import SitemonError
from sitemon.model.latencies import typical_s
from sitemon.report.bars import bars, label_of
from sitemon.report.charts import sparkline
from sitemon.report.palette import latency
from sitemon.report.svg import Svg
from sitemon.report.uptime import uptime, words_of
from sitemon.web.site_figures import uptimes

log = logging.getLogger(__name__)

DAYS: Final = 90
HOURS: Final = 24
AT_ONCE: Final = 25
"""More would keep Python from answering for longer."""
_ROUND_S: Final = 15.0
"""All sites are read again after so long, or later: a tenth of the time at most is spent on it."""
_SHARE: Final = 10
_FIRST_SHARE: Final = 2
"""The first time half of the time is: who turns the page is not to wait."""
_OLD_S: Final = 600.0
"""What is older is read again before it is shown."""
_RETRY_S: Final = 5.0
"""What could not be read is tried again after so long; until then nobody who looks at it waits for that."""
_ASKED_FOR_S: Final = 60.0
_ROUND_UNASKED_S: Final = 300.0
"""Without a reader for a minute, all is read again after so long, so that the next reader finds nothing that is old."""


class Past(NamedTuple):
    """A site's 90 days as bars and in words, its uptime and its exceptional days in them, its latencies of 24 hours.

    `uptimes` are those of shorter times, each with its name. `exceptions` is for the script that explains a bar below
    the pointer: ``place:words`` between line breaks.
    """

    bars: Svg
    words: str
    uptime: str
    exceptions: str
    sparkline: Svg
    uptimes: Sequence[tuple[str, str]] = ()


_NOT_READ: Final = "not read yet"
NOTHING_YET: Final = Past(
    bars([None] * DAYS, _NOT_READ),
    _NOT_READ,
    "",
    "\n".join(f"{place}:{_NOT_READ}" for place in range(DAYS)),
    sparkline([], _NOT_READ),
)


class _Kept(NamedTuple):
    """What was read of a site and when, by both clocks."""

    at_s: float
    at: datetime
    past: Past


ReadDays = Callable[[Sequence[str], date, int], dict[str, list[Counts | None]]]
ReadTrends = Callable[[Sequence[str], datetime, int], dict[str, list[float | None]]]


class History:
    """Keeps the past of all sites; one thread reads it again and again, less often while nobody asks."""

    def __init__(self, read_days: ReadDays, read_trends: ReadTrends, names: Callable[[], Sequence[str]]) -> None:
        self._read_days = read_days
        self._read_trends = read_trends
        self._names = names
        self._past: dict[str, _Kept] = {}
        self._failed_at_s: dict[str, float] = {}
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self._asked_at_s = float("-inf")
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, after what it reads just now."""
        self._stopping.set()
        self._asked.set()
        self._thread.join(timeout=2)

    def of(self, names: Sequence[str]) -> dict[str, Past]:
        """Return the past of these sites; what was never read, or long ago, is read now, if PostgreSQL answers."""
        self._asked_at_s = now_s = clock.monotonic_s()
        self._asked.set()
        lacking = [name for name in names if self._is_lacking(name, now_s)]
        if lacking:
            self._try_to_read(lacking)
        # The thread forgets sites that ended meanwhile: each is looked up once.
        found = {name: self._past.get(name) for name in names}
        return {name: kept.past if kept else NOTHING_YET for name, kept in found.items()}

    def old_since(self, names: Sequence[str]) -> datetime | None:
        """Return the moment of which the oldest of these is that could not be read anew when it was tried last.

        None: none is old, as far as they are known at all.
        """
        found = [self._past.get(name) for name in names if name in self._failed_at_s]
        return min((kept.at for kept in found if kept), default=None)

    def _is_lacking(self, name: str, now_s: float) -> bool:
        kept = self._past.get(name)
        is_old = kept is None or kept.at_s < now_s - _OLD_S
        return is_old and self._failed_at_s.get(name, float("-inf")) < now_s - _RETRY_S

    def _run(self) -> None:
        share = _FIRST_SHARE
        while not self._stopping.is_set():
            began_at_s = clock.monotonic_s()
            names = self._names()
            for piece in _pieces(names):
                read_at_s = clock.monotonic_s()
                self._try_to_read(piece)
                if self._stopping.wait((clock.monotonic_s() - read_at_s) * (share - 1)):
                    return
            self._forget_those_that_ended()
            share = _SHARE if names else share
            self._pause(began_at_s, self._round_s if names else 1.0)

    @property
    def _round_s(self) -> float:
        return _RETRY_S if self._failed_at_s else _ROUND_S

    def _pause(self, began_at_s: float, round_s: float) -> None:
        """Wait for the next round: for so long since the last one began, or until somebody asks."""
        if self._stopping.wait(max(1.0, began_at_s + round_s - clock.monotonic_s())):
            return
        if clock.monotonic_s() - self._asked_at_s > _ASKED_FOR_S:
            self._asked.clear()
            self._asked.wait(began_at_s + _ROUND_UNASKED_S - clock.monotonic_s())

    def _try_to_read(self, names: Sequence[str]) -> None:
        """Read the past of these sites. Where it cannot be, the old one stays, and `old_since` says so."""
        try:
            self._read(names)
        except SitemonError as exc:
            log.debug("the past of %s sites: %s", len(names), exc)
            self._failed(names)
        except Exception:
            log.exception("web.failed: the past of sites: this is a mistake in sitemon")
            self._failed(names)

    def _failed(self, names: Sequence[str]) -> None:
        self._failed_at_s |= dict.fromkeys(names, clock.monotonic_s())

    def _read(self, names: Sequence[str]) -> None:
        now, now_s = clock.utc_now(), clock.monotonic_s()
        first_day = now.date() - timedelta(days=DAYS - 1)
        first_hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
        days = self._read_days(names, first_day, DAYS)
        trends = self._read_trends(names, first_hour, HOURS)
        for name in names:
            self._past[name] = _Kept(now_s, now, past_of(days[name], trends[name]))
            self._failed_at_s.pop(name, None)

    def _forget_those_that_ended(self) -> None:
        watched = set(self._names())
        for name in self._past.keys() - watched:
            del self._past[name]
        for name in self._failed_at_s.keys() - watched:
            self._failed_at_s.pop(name, None)


def _pieces(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[begin : begin + AT_ONCE] for begin in range(0, len(names), AT_ONCE))


def past_of(days: Sequence[Counts | None], trend: Sequence[float | None]) -> Past:
    """Return how a site's past is shown: its days, and the mean bucket of each hour."""
    total = total_of(days)
    exceptions = (
        f"{place}:{words_of(counts)}"
        for place, counts in enumerate(days)
        if counts is None or not counts.total or counts.up < counts.total
    )
    latencies_s = [None if mean is None else typical_s(mean) for mean in trend]
    words = label_of(days, "days")
    return Past(
        bars(days, words),
        words,
        uptime(total.low, total.high),
        "\n".join(exceptions),
        sparkline(latencies_s, _range_of([each for each in latencies_s if each is not None])),
        uptimes(days),
    )


def _range_of(latencies_s: Sequence[float]) -> str:
    if not latencies_s:
        return f"no latency in {HOURS} hours"
    return f"latency in {HOURS} hours: {latency(min(latencies_s))} to {latency(max(latencies_s))}"
