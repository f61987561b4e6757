"""Recorded rows folded by other thresholds: which incidents there would have been, beside those by today's."""

import math
import statistics
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, NamedTuple

from sitemon.incident.change import What, changes
from sitemon.incident.machine import NOTHING, Incident, SiteState, slot_of, step
from sitemon.incident.policy import Policy
from sitemon.incident.rows import Row
from sitemon.incident.summary import is_up

SHORT: Final = timedelta(minutes=1)
"""A site that was down for less than this would mostly have been up again before anybody looked."""


class Trial(NamedTuple):
    """What the rows of a site so far come to by some thresholds.

    `degraded_at` are the slots by which it became degraded; `is_told`: it has not been up since the last of them.
    """

    policy: Policy
    state: SiteState = NOTHING
    closed: tuple[Incident, ...] = ()
    degraded_at: tuple[datetime, ...] = ()
    is_told: bool = False

    def after(self, rows: Iterable[Row]) -> "Trial":
        """Return the trial after further rows, which must be in order and of later slots."""
        state, is_told = self.state, self.is_told
        closed: list[Incident] = []
        degraded_at: list[datetime] = []
        for slot_at, of_slot in groupby(rows, slot_of):
            state, ended = step(self.policy, state, tuple(of_slot))
            closed += [ended] if ended else []
            degraded_at += [slot_at] if state.is_degraded and not is_told else []
            is_told = state.is_degraded or (is_told and not is_up(state))
        return Trial(self.policy, state, self.closed + tuple(closed), self.degraded_at + tuple(degraded_at), is_told)

    def incidents(self, since: datetime) -> list[Incident]:
        """Return what was decided by rows of slots from `since` on: earlier rows only say how the site was then."""
        found = self.closed + ((self.state.incident,) if self.state.incident else ())
        return [incident for incident in found if incident.opened_by >= since]


class SiteTrial(NamedTuple):
    """A site by today's thresholds and by the new ones."""

    site: str
    today: Trial
    new: Trial

    def after(self, rows: Sequence[Row]) -> "SiteTrial":
        """Return both after further rows, as `Trial.after` does."""
        return SiteTrial(self.site, self.today.after(rows), self.new.after(rows))


class Outage(NamedTuple):
    """An incident by today's thresholds and by the new ones; None: by these there is none."""

    site: str
    today: Incident | None
    new: Incident | None

    @property
    def started_at(self) -> datetime:
        """When the earlier of both begins."""
        return min(one.started_at for one in (self.today, self.new) if one)

    @property
    def later_s(self) -> float | None:
        """How much later the new thresholds would have told of it, below 0 earlier; None where only one does."""
        return (self.new.opened_by - self.today.opened_by).total_seconds() if self.today and self.new else None


class Figures(NamedTuple):
    """What somebody would have been told. Delays are from the first failing slot to the one that decided.

    Each incident is one message that a site is down, each that is over one that it is up again. `short` are those over
    in less than a minute. `down_s` is how long they lasted in all. Delays are None without an incident.
    `degraded` is how often it became degraded: those hear of it who ask for that.
    """

    incidents: int
    resolved: int
    short: int
    down_s: float
    delay_median_s: float | None
    delay_p95_s: float | None
    delay_longest_s: float | None
    degraded: int = 0


def outages(trial: SiteTrial, since: datetime) -> list[Outage]:
    """Return the incidents of both, those that overlap side by side, in the order of their beginnings."""
    today = dict(enumerate(trial.today.incidents(since)))
    new: dict[int, Incident | None] = dict(today)
    added = []
    for change in changes(list(today.items()), trial.new.incidents(since)):
        if change.number is None:
            added.append(Outage(trial.site, None, change.incident))
        else:
            new[change.number] = None if change.what is What.WITHDRAWN else change.incident
    found = [Outage(trial.site, incident, new[number]) for number, incident in today.items()] + added
    return sorted(found, key=lambda outage: outage.started_at)


def figures(incidents: Sequence[Incident], until: datetime, degraded: int = 0) -> Figures:
    """Return the figures of incidents, and of how often it was degraded; one that is open lasts until `until`."""
    delays_s = sorted(delay_s(incident) for incident in incidents)
    over = [incident for incident in incidents if incident.ended_at]
    return Figures(
        incidents=len(incidents),
        resolved=len(over),
        short=sum(duration_s(incident, until) < SHORT.total_seconds() for incident in over),
        down_s=sum(duration_s(incident, until) for incident in incidents),
        delay_median_s=statistics.median(delays_s) if delays_s else None,
        delay_p95_s=delays_s[math.ceil(0.95 * len(delays_s)) - 1] if delays_s else None,
        delay_longest_s=delays_s[-1] if delays_s else None,
        degraded=degraded,
    )


def delay_s(incident: Incident) -> float:
    """Return how long after its first failing slot an incident was decided."""
    return (incident.opened_by - incident.started_at).total_seconds()


def duration_s(incident: Incident, until: datetime) -> float:
    """Return how long it lasted, or has lasted at `until`."""
    return ((incident.ended_at or until) - incident.started_at).total_seconds()
