"""Who is reminded of an open incident of which nobody knows, and to whom it is escalated."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sitemon.alert.events import DOWN, REMINDER, event_of, labels_told
from sitemon.alert.links import linked
from sitemon.alert.rules import SiteRules, is_of_before
from sitemon.incident.change import Change, What
from sitemon.model.alerts import Alerts, Audience
from sitemon.store.connect import Connection
from sitemon.store.deciding import Circumstances, Saying
from sitemon.store.incident import Reminding, take_open


def remind(
    conn: Connection, numbers: Sequence[int], rules_of: Callable[[str], SiteRules], alerts: Alerts, now: datetime
) -> None:
    """Tell of open incidents of which nobody knows: those who have heard nothing for long enough, and further ones.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says; nobody is told then.

    """

    def news_of(type_: str, site: str, change: Change[int], around: Circumstances) -> dict[str, Any]:
        """Return an event of an incident that lasts: a reminder, or what those hear to whom it is escalated."""
        found = event_of(
            type_,
            change,
            number=change.number or 0,
            site=site,
            labels=labels_told(rules_of(site).audience),
            around=around,
            now=now,
            event_id=uuid.uuid4(),
        )
        return linked(found | {"data": found["data"] | {"is_escalated": type_ == DOWN}}, alerts.page_url)

    with take_open(conn, numbers) as reminding:
        due = {
            number: (site, incident, channels)
            for site, number, incident in reminding.incidents
            if not (number in reminding.scheduled and is_of_before(rules_of(site), now))
            and (channels := _to_tell(alerts, rules_of(site).audience, number, reminding))
        }
        if due:
            around = reminding.circumstances(list(due))
            reminding.say(
                Saying(channel, number, event, 0.0, rules_of(site).file)
                for number, (site, incident, channels) in due.items()
                for type_, names in channels.items()
                for event in (news_of(type_, site, Change(What.NOTED, incident, number), around[number]),)
                for channel in names
            )


def _to_tell(alerts: Alerts, audience: Audience, number: int, reminding: Reminding) -> dict[str, list[str]]:
    """Return which channels are to be told what of an open incident."""
    ages_s = reminding.ages_s
    every_s, after_s = alerts.reminders_for(audience), alerts.escalations_for(audience)
    found = {
        REMINDER: [name for name, wait_s in every_s.items() if ages_s.get((number, name), -1.0) >= wait_s],
        DOWN: [
            name
            for name, wait_s in after_s.items()
            if (number, name) not in ages_s and reminding.open_for_s[number] >= wait_s
        ],
    }
    return {type_: names for type_, names in found.items() if names}
