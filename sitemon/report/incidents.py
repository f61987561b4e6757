"""How incidents and alerts are shown. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from sitemon.durations import for_people
from sitemon.store.outbox import KnownAlert
from sitemon.store.page_incidents import Incident, Note

_REGIONS_SHOWN: Final = 10
_OF_SCRIPTS: Final = (
    "incident_id",
    "site",
    "started_at",
    "ended_at",
    "regions",
    "reason",
    "http_code",
    "error",
    "acknowledged_by",
)


def incident_for_scripts(one: Incident) -> dict[str, Any]:
    """Return an incident as ``sitemon incidents --json`` prints it."""
    found = {name: getattr(one, name) for name in _OF_SCRIPTS}
    return found | {"is_withdrawn": one.withdrawn_at is not None, "behind": one.behind}


def incidents_table(incidents: Iterable[Incident], now: datetime) -> Table:
    """Return a table of incidents; one that is open lasts until now."""
    table = Table("incident", "site", "since (UTC)", "lasted", "state", "from", "why", box=None, pad_edge=False)
    for one in incidents:
        lasted = for_people(((one.ended_at or now) - one.started_at).total_seconds())
        more = len(one.regions) - _REGIONS_SHOWN
        why = " ".join(str(word) for word in (one.reason, one.http_code) if word)
        cells = (
            str(one.incident_id),
            one.site,
            _moment(one.started_at),
            lasted,
            _state(one),
            ", ".join(one.regions[:_REGIONS_SHOWN]) + (f" and {more} more" if more > 0 else ""),
            why,
        )
        # Text, because rich would take square brackets for its own.
        table.add_row(*map(Text, cells))
    return table


def alerts_table(alerts: Iterable[KnownAlert]) -> Table:
    """Return a table of alerts."""
    table = Table(
        "alert", "made (UTC)", "type", "site", "channel", "state", "tries", "problem", box=None, pad_edge=False
    )
    for one in alerts:
        cells = (
            one.alert_id,
            _moment(one.created_at),
            one.type,
            one.site,
            one.channel,
            one.state,
            one.tries,
            one.problem,
        )
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in cells))
    return table


def notes_table(notes: Iterable[Note]) -> Table:
    """Return a table of notes."""
    table = Table("note", "written (UTC)", "by", "state", "text", box=None, pad_edge=False)
    for one in notes:
        state = f"taken back by {one.withdrawn_by}" if one.withdrawn_at else "public" if one.is_published else ""
        table.add_row(*map(Text, (str(one.note_id), _moment(one.written_at), one.written_by, state, one.note)))
    return table


def _state(one: Incident) -> str:
    if one.withdrawn_at:
        return "withdrawn"
    behind = f", behind {one.behind}" if one.behind else ""
    known_to = f", known to {one.acknowledged_by}" if one.acknowledged_by else ""
    return ("over" if one.ended_at else "open") + behind + known_to


def _moment(moment: datetime) -> str:
    return f"{moment:%m-%d %H:%M:%S}"
