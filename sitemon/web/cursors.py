"""The place in a list from which its next page goes on, as it stands in an address. Pure."""

from collections.abc import Sequence
from datetime import datetime

from sitemon.model.moment import format_utc
from sitemon.store.page_site import Key, Row

_BETWEEN = "~"


def write_cursor(key: Key) -> str:
    """Return the place of a result as text."""
    return _BETWEEN.join((format_utc(key.slot_at), key.kind, key.region))


def read_cursor(text: str) -> Key | None:
    """Return the place that a text says; None when it says none."""
    moment, _, rest = text.partition(_BETWEEN)
    kind, _, region = rest.partition(_BETWEEN)
    try:
        slot_at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    is_text = kind.isprintable() and region.isprintable() and "\0" not in region
    return Key(slot_at, region, kind) if slot_at.tzinfo and kind and region and is_text else None


def next_cursor(rows: Sequence[Row], most: int) -> str | None:
    """Return the place after `most` rows, of which one more was asked for; None: there are no more."""
    return write_cursor(rows[most - 1].key) if len(rows) > most else None
