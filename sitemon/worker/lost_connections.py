"""How Celery's own log tells of a lost connection: in one line."""

import logging
from typing import Any, Final

import redis
from kombu.exceptions import OperationalError

_LOST: Final = (redis.ConnectionError, redis.TimeoutError, OperationalError, OSError)
_LIBRARIES: Final = ("celery.", "kombu.")
_OF_TASKS: Final = "celery.app.trace"
"""What it logs is what a task raised."""


class InOneLine(logging.Filter):
    """Puts what a lost connection says in the place of its traceback.

    Celery and kombu log a page of it at each of many places that notice the same loss.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record, and let it pass."""
        lost = _lost_in(record.exc_info[1]) if record.exc_info else None
        if lost is not None and record.name.startswith(_LIBRARIES) and record.name != _OF_TASKS:
            record.msg = " ".join(f"{record.getMessage()}: {type(lost).__name__}: {lost}".split())
            record.args = record.exc_info = record.exc_text = None
        return True


def _lost_in(exc: BaseException | None) -> BaseException | None:
    """Return the lost connection that an exception is, or in the handling of which it was raised."""
    while exc is not None and not isinstance(exc, _LOST):
        exc = exc.__context__
    return exc


def tell_in_one_line(logger: logging.Logger, **_: Any) -> None:
    """Filter what these handlers write: a filter of the logger would not see the records of those below it."""
    for handler in logger.handlers:
        handler.addFilter(InOneLine())
