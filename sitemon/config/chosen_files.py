"""Files that whoever may edit sites chooses, and may change at any time: what of one was read is all that counts."""

import errno
import os
import stat


class TooMuchError(Exception):
    """A file is too long, or has too much in it."""


def content_of(file: str, most_bytes: int) -> bytes:
    """Return what is in a file, which is not looked at again. A pipe or a device is none.

    Raises:
        TooMuchError: it is longer than that.
        OSError: it is not there, or cannot be read.

    """
    with open(file, "rb", opener=without_waiting) as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), file)
        content = opened.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise TooMuchError
    return content


def without_waiting(file: str, flags: int) -> int:
    """Open a file whose reading waits for nothing, also where it became a pipe meanwhile, or is a log of the kernel."""
    return os.open(file, flags | os.O_NONBLOCK)
