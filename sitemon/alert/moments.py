"""A moment of a message as people read it. Pure."""

from datetime import UTC, datetime, tzinfo


def moment_words(moment: str, zone: tzinfo) -> str:
    """Return a moment of a message in UTC, and in the reader's zone if that is another one."""
    at = datetime.fromisoformat(moment)
    words = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    if zone is UTC:
        return words
    try:
        theirs = at.astimezone(zone)
    except OverflowError:  # the first or last day that there is, as a server's certificate may have it
        return words
    day = "" if theirs.date() == at.date() else f"{theirs:%Y-%m-%d} "
    return f"{words} ({day}{theirs:%H:%M:%S} {zone})"
