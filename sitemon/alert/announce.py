"""What is said of incidents that changed, and to whom."""

import uuid
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from sitemon.alert.events import DOWN, RESOLVED, WITHDRAWN, event_of, labels_told, types_of
from sitemon.alert.links import linked
from sitemon.alert.rules import SiteRules
from sitemon.incident.change import Change, What
from sitemon.model.alerts import Alerts
from sitemon.store.deciding import Deciding, Saying

_STALE: Final = timedelta(days=1)
"""What was over for so long when it was found is no news, as after a restore; so long an alert is tried, too."""

_EVENTS: Final = {DOWN: "down", RESOLVED: "resolved", WITHDRAWN: "down"}


def announce(
    deciding: Deciding,
    changed: Sequence[tuple[str, int, Change[int]]],
    rules_of: Callable[[str], SiteRules],
    alerts: Alerts,
    now: datetime,
    *,
    taken_out: Collection[int] = (),
) -> None:
    """Put what is to be said of changes into the outbox, in the transaction that decides.

    `changed` are names of sites, with the number of an incident of each and what became of it; those in `taken_out`
    have ended with their sites.
    """
    around = deciding.circumstances([number for _, number, _ in changed])
    told = deciding.channels_told(
        [number for _, number, change in changed if change.number is not None and types_of(change)]
    )
    # By other labels, as those of a site that was taken out, which are none, it would be another alert that is over.
    labels_of = deciding.labels_said([number for number, channels in told.items() if channels])
    sayings = []
    for site, number, change in changed:
        rules = rules_of(site)
        audience = rules.audience
        labels = labels_told(audience)
        for type_ in () if around[number].is_held or _is_stale(change, now) else types_of(change):
            event = event_of(
                type_,
                change,
                number=number,
                site=site,
                labels=labels if type_ == DOWN else labels_of.get(number, labels),
                around=around[number],
                now=now,
                event_id=uuid.uuid4(),
                is_taken_out=number in taken_out,
            )
            said = linked(event, alerts.page_url)
            heard_by = alerts.recipients(audience, _EVENTS[type_], told.get(number, ()))
            sayings += [Saying(name, number, said, wait_s, rules.file) for name, wait_s in heard_by]
    deciding.say(sayings)


def _is_stale(change: Change[int], now: datetime) -> bool:
    ended_at = change.incident.ended_at
    return change.what is What.OPENED and ended_at is not None and ended_at < now - _STALE
