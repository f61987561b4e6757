"""Windows of maintenance as the configuration describes them. Pure."""

import msgspec


class Recurring(msgspec.Struct, frozen=True, gc=False):
    """Windows that begin at `start` in a time zone, on the days of a rule of RFC 5545, and last `duration_s`.

    `start` is a time of day (``02:00``) or a moment of the first day (``2026-11-29T02:00``); without `rrule` there is
    that one window alone.
    """

    start: str
    duration_s: float
    rrule: str | None = None
    timezone: str = "UTC"
