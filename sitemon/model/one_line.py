"""Text of others for a terminal, a log or a page, where it must do nothing but be read."""


def one_line(text: str) -> str:
    """Return text as one line of printable characters; all others are escaped as in Python.

    Those are line breaks, what a terminal takes for a command (ESC), and what turns the direction of writing or is not
    seen at all: category C of Unicode, and its separators but for the space.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def printable(text: str, instead: str = "?") -> str:
    """Return the text with a sign for whatever could move a terminal's cursor or hide what stands there."""
    return text if text.isprintable() else "".join(char if char.isprintable() else instead for char in text)


def shortened(text: str, most: int = 60) -> str:
    """Return the beginning of a text that is longer than so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
