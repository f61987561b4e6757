"""What ends a check early."""

import errno
from typing import Final

from sitemon.model.outcome import Reason

OUR_ERRNOS: Final = frozenset((errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
"""The process or the machine has no more of something: EAGAIN is said of ports for datagrams (connect(2))."""


class CheckError(Exception):
    """Ends a check at the place that knows why. `words` are for the operator and hold no secret.

    `name` is what a server calls what they are about, which may hold one.
    """

    def __init__(self, reason: Reason, words: str, name: str | None = None) -> None:
        super().__init__(words)
        self.reason = reason
        self.words = words
        self.name = name


class OwnError(CheckError):
    """Ends a check for a reason that is ours, so that it says nothing about the site."""


class TooLongError(CheckError):
    """Ends a check whose server sends certificates that take too long to read."""

    def __init__(self) -> None:
        super().__init__(Reason.TLS_ERROR, "its certificates take too long to read")


class LeftError(CheckError):
    """Ends a check whose server, or proxy, left, or waits no longer: it may have waited for us until then."""


class Failures:
    """What tries at several addresses failed with, the newest of each kind.

    `own`: we had too little of something to try one, which says nothing about the site; `others`: what they said.
    """

    def __init__(self) -> None:
        self.own: OSError | OwnError | None = None
        self.others: OSError | None = None

    def note(self, error: OSError | OwnError) -> None:
        """Take note of one more."""
        if isinstance(error, OwnError) or error.errno in OUR_ERRNOS:
            self.own = error
        else:
            self.others = error
