"""Files that whoever may edit sites chooses, and may change at any time: what of one was read is all that counts."""

import base64
import binascii
import contextlib
import errno
import os
import re
import ssl
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from sitemon.config import own_folders

CERTIFICATE_BYTES: Final = 6 << 10
"""What OpenSSL takes in memory for one of usual length."""
_USUAL_BYTES: Final = 2 << 10
_BYTES_A_BYTE: Final = 13
"""Beyond that, where names have very many parts, each of which becomes objects."""

_CERTIFICATE: Final = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----([^-]*)-----END (?:X509 )?CERTIFICATE-----")
_OWN_CURVES: Final = tuple(map(bytes.fromhex, ("2a8648ce3d0101", "2a8648ce3d0102")))
"""Kinds of fields over which a certificate may describe a curve (X9.62), though none in PKIX may: RFC 5480, 2.1.1."""


class TooMuchError(Exception):
    """A file is too long, or has too much in it."""


class UnfitKeyError(Exception):
    """A key is not one that is taken; the words say why."""


def content_of(file: str, most_bytes: int, below: str | None = None) -> bytes:
    """Return what is in a file, which is not looked at again. A pipe or a device is none.

    Raises:
        TooMuchError: it is longer than that.
        OSError: it is not there, cannot be read, or is a link out of the folder `below`.

    """
    with open(file, "rb", opener=without_waiting) as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), file)
        if below is not None and not own_folders.holds(below, _path_of(opened.fileno(), file)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), file)
        content = opened.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise TooMuchError
    return content


def _path_of(descriptor: int, file: str) -> Path:
    """Return where a file is that was opened; on Linux that holds whatever its name leads to by now."""
    return Path(f"/proc/self/fd/{descriptor}").readlink() if sys.platform == "linux" else Path(file).resolve()


def without_waiting(file: str, flags: int) -> int:
    """Open a file whose reading waits for nothing, also where it became a pipe meanwhile, or is a log of the kernel."""
    return os.open(file, flags | os.O_NONBLOCK)


@contextlib.contextmanager
def named(content: bytes) -> Iterator[str]:
    """Give a name to what OpenSSL is to read of a file: in memory, or where that has none, in a private file.

    That it reads without Python's lock, which is held for all certificates of a `cadata`.
    """
    if sys.platform == "linux":
        with os.fdopen(os.memfd_create("sitemon"), "wb", buffering=0) as file:
            file.write(content)
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile(buffering=0) as file:
            file.write(content)
            yield file.name


def certificates_in(content: bytes) -> list[bytes]:
    """Return the certificates in PEM, each by itself.

    Raises:
        UnfitKeyError: the key of one is on a curve of its own: OpenSSL may take 0.2 s to read it.
        ssl.SSLError: one is not in base64.

    """
    try:
        ders = [binascii.a2b_base64(text) for text in _CERTIFICATE.findall(content)]
    except ValueError as exc:
        raise ssl.SSLError(ssl.SSL_ERROR_SSL, "a certificate is not in base64") from exc
    if any(curve in der for der in ders for curve in _OWN_CURVES):
        raise UnfitKeyError("the key of a certificate is on a curve of its own")
    return [b"-----BEGIN CERTIFICATE-----\n%b-----END CERTIFICATE-----" % base64.encodebytes(der) for der in ders]


def memory_bytes(certificates: Iterable[bytes]) -> int:
    """Return about how much memory certificates in PEM take at most."""
    return sum(CERTIFICATE_BYTES + _BYTES_A_BYTE * max(0, len(one) - _USUAL_BYTES) for one in certificates)
