"""Files of CA certificates, which whoever may edit sites chooses: how much of one is read, at all times the same."""

import ssl
from typing import Final

from sitemon.config import chosen_files

LONGEST_BYTES: Final = 1 << 20
"""The roots of a system are a quarter of that."""
MOST_CERTIFICATES: Final = 500
"""OpenSSL takes 0.2 ms for each, and for those of one name more than that: 18 s for 13,000. A system has 150 roots."""

_BEGIN: Final = b"-----BEGIN"


def load(context: ssl.SSLContext, file: str, below: str | None = None) -> int:
    """Have a context trust the certificates of a file, and nothing else of it; return about how much memory they take.

    Raises:
        TooMuchError: there are too many. UnfitKeyError: the key of one is of a kind that is not taken.
        OSError: it cannot be read, or is out of the folder `below`; ssl.SSLError, if there is no certificate in it.

    """
    content = chosen_files.content_of(file, LONGEST_BYTES, below)
    if content.count(_BEGIN) > MOST_CERTIFICATES:
        raise chosen_files.TooMuchError
    certificates = chosen_files.certificates_in(content)
    with chosen_files.named(b"\n".join([*certificates, b""])) as name:
        context.load_verify_locations(name)
    return chosen_files.memory_bytes(certificates)
