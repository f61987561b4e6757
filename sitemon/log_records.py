"""What a log may hold: nobody whose text is in a record can write a line of their own, or to the terminal."""

import logging
from typing import Final

from sitemon.model.one_line import one_line

_INDENT: Final = "    "


class _Plain(logging.Filter):
    """Makes a record plain before it is formatted, whatever the format.

    Ours are one line each. Those of others, and tracebacks, may have several: all but the first are indented.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        plain = one_line(said) if record.name.partition(".")[0] == "sitemon" else _indented(said)
        if plain != said:
            record.msg, record.args = plain, None
        if record.exc_info and not record.exc_text:
            record.exc_text = _INDENT + _indented(logging.Formatter().formatException(record.exc_info))
        return True


def keep_plain(logger: logging.Logger, **_: object) -> None:
    """Make plain what the handlers that the logger has now write."""
    for handler in logger.handlers:
        handler.addFilter(_Plain())


def _indented(text: str) -> str:
    first, *others = map(one_line, text.splitlines() or [""])
    return "\n".join([first, *(line if line.startswith(_INDENT) else _INDENT + line for line in others)])
