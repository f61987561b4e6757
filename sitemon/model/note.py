"""What somebody writes of an incident: shown to others, in places of every kind."""

from typing import Final

LONGEST_CHARS: Final = 500


def note_of(text: str) -> str:
    """Return a note, without the spaces around it.

    Raises:
        ValueError: it is empty, too long, or does more than be read.

    """
    note = text.strip()
    if not (note.isprintable() and 0 < len(note) <= LONGEST_CHARS):
        raise ValueError(f"expected a note of at most {LONGEST_CHARS} printable characters, on one line")
    return note
