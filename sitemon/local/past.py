"""What might have been of the sample sites: ninety days, made up, for the demo alone. Pure.

A check a minute until a moment: the last day of it as results, a month by the hour, what lies before by the day.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final, NamedTuple

from sitemon.local.habits import HABITS, MONITOR_OFF, Episode, Habit, failed
from sitemon.model.counts import Counts
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Certificate, Kind, Phases, Result
from sitemon.model.site import DEFAULT_REGION, Site
from sitemon.store.maintenance_windows import Declaration
from sitemon.store.past import Past, PastIncident, Sums

DAYS: Final = 90
STEP: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_DAYS_BY_HOUR: Final = 30
_DECIDED_AFTER: Final = timedelta(seconds=4)
_MAINTAINED: Final = "moved"
_WINDOW_AGO: Final = 9 * _HOUR
_WINDOW: Final = 1.5 * _HOUR
_RENEWED: Final = "expiring"
_RENEWED_AGO: Final = 6 * _HOUR
_NIGHT_ENDS: Final = 3
_SHAPE: Final = ((0.85, 0.1), (0.93, 0.2), (1.0, 0.3), (1.1, 0.2), (1.3, 0.12), (1.6, 0.06), (2.4, 0.02))
"""How latencies lie around the usual one of an hour: so many times of it, and which share of the checks."""


class _Span(NamedTuple):
    """An episode in its place: of the slots with ``begin ≤ slot < end``."""

    begin: datetime
    end: datetime
    episode: Episode


def believable_past(sites: Sequence[Site], until: datetime, seed: int = 17) -> Past:
    """Return a past of sites that ends with a minute; that of a site that is no sample is a quiet one."""
    first_result = (until - _DAY).replace(minute=0)
    today = until.replace(hour=0, minute=0)
    stories = [_Story(site, until, Random(f"{seed} {site.name}")) for site in sites]
    by_hour = today - _DAYS_BY_HOUR * _DAY
    return Past(
        DEFAULT_REGION,
        until,
        days=[story.sums(day, _DAY) for story in stories for day in _moments(today - (DAYS - 1) * _DAY, by_hour, _DAY)],
        hours=[story.sums(hour, _HOUR) for story in stories for hour in _moments(by_hour, first_result, _HOUR)],
        results=[story.result(slot_at) for slot_at in _moments(first_result, until, STEP) for story in stories],
        incidents=sorted(incident for story in stories for incident in story.incidents()),
        maintenance=Declaration(
            until - _WINDOW_AGO, until - _WINDOW_AGO + _WINDOW, [_MAINTAINED], reason="new disks", by="ann"
        ),
    )


class _Story:
    """What might have been of one site."""

    def __init__(self, site: Site, until: datetime, random: Random) -> None:
        self._site = site
        self._until = until
        self._random = random
        self._habit = HABITS.get(site.name, Habit())
        self._spans = [_placed(episode, until) for episode in (*MONITOR_OFF, *self._habit.episodes)]

    def sums(self, at: datetime, length: timedelta) -> Sums:
        """Return the sums of an hour or a day."""
        found = Counter(self._found_in(at, length))
        alone = min(found[Outcome.UP], int(self._habit.failing * found[Outcome.UP] + self._random.random()))
        counts = Counts(
            up=found[Outcome.UP] - alone,
            degraded=found[Outcome.DEGRADED],
            down=found[Outcome.DOWN] + alone,
            missed=found[Outcome.MISSED],
        )
        latency_s = self._usual_s(at + length / 2) * self._random.lognormvariate(0, 0.06)
        slow = _spread(self._slow_s(latency_s), counts.degraded)
        return Sums(self._site.name, at, counts, [*_spread(latency_s, counts.up + counts.down), *slow])

    def result(self, slot_at: datetime) -> Result:
        """Return what was found in a slot."""
        episode = self._episode_at(slot_at)
        if episode and episode.outcome is Outcome.MISSED:
            return self._bare(slot_at, Outcome.MISSED, reason=Reason.BEAT_DOWN)
        latency_s = self._usual_s(slot_at) * self._random.choice(_SHAPE)[0] * self._random.lognormvariate(0, 0.1)
        if episode is None:
            if self._random.random() >= self._habit.failing:
                return self._seen(slot_at, latency_s, Outcome.UP, http_code=self._habit.http_code)
            episode = failed(0, 0, 503)
        if episode.outcome is Outcome.DEGRADED:
            latency_s = self._slow_s(latency_s)
        elif episode.reason is Reason.TIMEOUT:
            latency_s = self._site.timeout_s
        said = {"reason": episode.reason, "http_code": episode.http_code, "error": episode.error}
        return self._seen(slot_at, latency_s, episode.outcome, **said)

    def incidents(self) -> Iterator[PastIncident]:
        """Give the episodes in which it was down for long enough."""
        for begin, end, episode in self._spans:
            slots = [slot_at for slot_at in _moments(begin, end, STEP) if self._episode_at(slot_at) is episode]
            if episode.outcome is Outcome.DOWN and len(slots) >= self._site.down_after:
                opened_by = slots[self._site.down_after - 1]
                yield PastIncident(
                    slots[0],
                    self._site.name,
                    slots[-1] + STEP,
                    opened_by,
                    opened_by + _DECIDED_AFTER,
                    str(episode.reason),
                    episode.http_code,
                    episode.error,
                    episode.acknowledged_by,
                )

    def _found_in(self, at: datetime, length: timedelta) -> Iterator[Outcome]:
        if not any(span.begin < at + length and span.end > at for span in self._spans):
            return iter([Outcome.UP] * (length // STEP))
        found = (self._episode_at(slot_at) for slot_at in _moments(at, at + length, STEP))
        return (episode.outcome if episode else Outcome.UP for episode in found)

    def _episode_at(self, slot_at: datetime) -> Episode | None:
        return next((span.episode for span in self._spans if span.begin <= slot_at < span.end), None)

    def _usual_s(self, at: datetime) -> float:
        hours = at.hour + at.minute / 60 - _NIGHT_ENDS
        daylight = (1 - math.cos(hours / 24 * math.tau)) / 2 * (0.5 if at.weekday() > 4 else 1)
        return self._habit.latency_s * (1 + self._habit.growth * daylight)

    def _slow_s(self, latency_s: float) -> float:
        return min(3 * latency_s, 0.9 * self._site.timeout_s)

    def _seen(self, slot_at: datetime, latency_s: float, outcome: Outcome, **said: object) -> Result:
        return self._bare(
            slot_at,
            outcome,
            latency_s=latency_s,
            phases_s=_phases(latency_s, is_secure=self._site.url.startswith("https")),
            ip="127.0.0.1",
            http_version="1.1",
            body_bytes=76,
            is_match_found=None if self._site.match is None else said.get("reason") is not Reason.NO_MATCH,
            certificates=self._old_chain(slot_at),
            **said,
        )

    def _old_chain(self, slot_at: datetime) -> tuple[Certificate, ...] | None:
        """Return the certificate that was renewed, which was told of once an hour."""
        if self._site.name != _RENEWED or slot_at.minute or slot_at >= self._until - _RENEWED_AGO:
            return None
        expires_at = self._until - _RENEWED_AGO / 3
        begins_at = expires_at - DAYS * _DAY
        return (
            Certificate(
                subject="CN=localhost", issuer="CN=sitemon sample CA", begins_at=begins_at, expires_at=expires_at
            ),
        )

    def _bare(self, slot_at: datetime, outcome: Outcome, **said: object) -> Result:
        """Return a result that no schedule asked for: the account of the demo is of what was really looked at."""
        fields = {
            "site": self._site.name,
            "url": self._site.display_url,
            "region": DEFAULT_REGION,
            "kind": Kind.MONITOR,
            "slot_at": slot_at,
            "checked_at": slot_at,
            "outcome": outcome,
            "match": self._site.match,
        }
        return Result(**fields | said)  # type: ignore[arg-type]  # of fields by name


def _placed(episode: Episode, until: datetime) -> _Span:
    begin = until - episode.ago // STEP * STEP
    return _Span(begin, begin + episode.lasts // STEP * STEP, episode)


def _moments(first: datetime, until: datetime, step: timedelta) -> Iterator[datetime]:
    return (first + number * step for number in range(-(-(until - first) // step)))


def _spread(usual_s: float, checks: int) -> Iterator[tuple[float, int]]:
    """Give latencies around the usual one, with how many checks took so long."""
    before, share = 0, 0.0
    for times, part in _SHAPE:
        share += part
        up_to = round(share * checks)
        if up_to > before:
            yield usual_s * times, up_to - before
        before = up_to


def _phases(latency_s: float, *, is_secure: bool) -> Phases:
    tls = 0.55 if is_secure else 0.0
    rest = 0.95 - tls
    return Phases(
        connect=0.05 * latency_s,
        tls=tls * latency_s,
        first_byte=0.85 * rest * latency_s,
        download=0.15 * rest * latency_s,
    )
