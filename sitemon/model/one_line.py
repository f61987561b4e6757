"""Text of others for a terminal or a log, where it must do nothing but be read."""


def one_line(text: str) -> str:
    """Return text as one line of printable characters; all others are escaped as in Python.

    Those are line breaks, what a terminal takes for a command (ESC), and what turns the direction of writing or is not
    seen at all: category C of Unicode, and its separators but for the space.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
