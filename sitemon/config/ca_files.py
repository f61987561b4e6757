"""Files of CA certificates, which whoever may edit sites chooses: how much of one is read, at all times the same."""

import ssl
from pathlib import Path
from typing import Final

LONGEST_BYTES: Final = 1 << 20
"""The roots of a system are a quarter of that."""
MOST_CERTIFICATES: Final = 500
"""OpenSSL takes 0.2 ms for each, and for those of one name more than that: 18 s for 13,000. A system has 150 roots."""

_BEGIN: Final = b"-----BEGIN"


class TooMuchError(Exception):
    """A file is too long, or has too many certificates."""


def load(context: ssl.SSLContext, file: str) -> None:
    """Have a context trust the certificates of a file.

    Raises:
        TooMuchError: there are too many.
        OSError: it cannot be read; ssl.SSLError, if there is no certificate in it.

    """
    with Path(file).open("rb") as opened:
        content = opened.read(LONGEST_BYTES + 1)
    if len(content) > LONGEST_BYTES or content.count(_BEGIN) > MOST_CERTIFICATES:
        raise TooMuchError
    context.load_verify_locations(file)
