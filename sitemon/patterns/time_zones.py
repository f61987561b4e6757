"""Time zones by the names that users give them."""

import re
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_NAME: Final = re.compile(r"[A-Za-z0-9_+/-]{1,64}")


def time_zone(name: str) -> ZoneInfo:
    """Return a time zone of the zone database.

    Raises:
        ValueError: there is none of this name; it says what was expected.

    """
    try:
        # Of other text, ZoneInfo would make a path.
        return ZoneInfo(name if _NAME.fullmatch(name) else "")
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ValueError("expected a time zone such as UTC or Europe/Helsinki") from exc
