"""What ends a check early."""

import errno
from typing import Final

from sitemon.model.outcome import Reason

OUR_ERRNOS: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
"""The process or the machine has no more of something."""


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


def is_ours(error: OSError | OwnError) -> bool:
    """Tell whether the error is that we had too little of something: it says nothing about the site."""
    return isinstance(error, OwnError) or error.errno in OUR_ERRNOS
