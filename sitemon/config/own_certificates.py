"""Our certificates with their keys, which whoever may edit sites chooses: what OpenSSL is given of them."""

import contextlib
import os
import ssl
import sys
import tempfile
from collections.abc import Iterator
from typing import Final, NoReturn

from sitemon.config import chosen_files

LONGEST_BYTES: Final = 64 << 10
"""Of a certificate with its chain, or a key; OpenSSL reads all of a file, however long it is."""


class EncryptedKeyError(Exception):
    """A key has a password."""


def load(context: ssl.SSLContext, cert_file: str, key_file: str | None) -> None:
    """Have a context show a certificate; without a file of its own the key is in the same.

    Raises:
        EncryptedKeyError: the key has a password.
        TooMuchError: a file is too long.
        OSError: a file cannot be read; ssl.SSLError, if there is no certificate in it, or another's key.

    """
    certificate = chosen_files.content_of(cert_file, LONGEST_BYTES)
    key = certificate if key_file is None else chosen_files.content_of(key_file, LONGEST_BYTES)
    with _named(certificate) as certificate_name, _named(key) as key_name:
        context.load_cert_chain(certificate_name, key_name, password=_refuse)


@contextlib.contextmanager
def _named(content: bytes) -> Iterator[str]:
    """Give a name to what OpenSSL takes of files only: in memory, or where that has none, in a private file."""
    if sys.platform == "linux":
        with os.fdopen(os.memfd_create("sitemon"), "wb", buffering=0) as file:
            file.write(content)
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile(buffering=0) as file:
            file.write(content)
            yield file.name


def _refuse() -> NoReturn:
    """Answer OpenSSL, which would derive from any password what its owner made last for hours."""
    raise EncryptedKeyError
