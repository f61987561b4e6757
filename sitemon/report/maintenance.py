"""How windows of maintenance are shown. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from rich.table import Table
from rich.text import Text

from sitemon.store.maintenance_windows import KnownWindow

_SITES_SHOWN: Final = 3


def windows_table(windows: Iterable[KnownWindow]) -> Table:
    """Return a table of windows."""
    table = Table("id", "state", "from (UTC)", "until (UTC)", "sites", "said by", "reason", box=None, pad_edge=False)
    for one in windows:
        more = len(one.sites) - _SITES_SHOWN
        cells = (
            str(one.maintenance_id),
            one.state,
            _moment(one.from_at),
            _moment(one.until_at),
            ", ".join(one.sites[:_SITES_SHOWN]) + (f" and {more} more" if more > 0 else ""),
            "the configuration" if one.is_configured else one.declared_by or "",
            one.reason or "",
        )
        # Text, because rich would take square brackets for its own.
        table.add_row(*map(Text, cells))
    return table


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
