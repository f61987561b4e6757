"""When what is shown is so old that readers have to be told. Pure."""

from datetime import datetime, timedelta
from typing import Final

STALE_AFTER: Final = timedelta(minutes=1)
"""While all is well, the moment up to which the account is closed is younger than 20 s."""


def is_stale(closed_at: datetime, now: datetime) -> bool:
    """Tell whether the account has not been closed for so long that all may be otherwise than it is shown."""
    return now - closed_at > STALE_AFTER
