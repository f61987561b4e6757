"""Our certificates with their keys, which whoever may edit sites chooses: what OpenSSL is given of them."""

import ssl
from typing import NoReturn


class EncryptedKeyError(Exception):
    """A key has a password."""


def load(context: ssl.SSLContext, cert_file: str, key_file: str | None) -> None:
    """Have a context show a certificate; without a file of its own the key is in the same.

    Raises:
        EncryptedKeyError: the key has a password.
        OSError: a file cannot be read; ssl.SSLError, if there is no certificate in it, or another's key.

    """
    context.load_cert_chain(cert_file, key_file, password=_refuse)


def _refuse() -> NoReturn:
    """Answer OpenSSL, which would derive from any password what its owner made last for hours."""
    raise EncryptedKeyError
