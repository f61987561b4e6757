"""Our certificates with their keys, which whoever may edit sites chooses: what OpenSSL is given of them."""

import base64
import binascii
import re
import ssl
from collections.abc import Iterator
from typing import Final, NoReturn

from sitemon.config import chosen_files

LONGEST_BYTES: Final = 64 << 10
"""Of a certificate with its chain, or a key; OpenSSL reads all of a file, however long it is."""
_LONGEST_KEY_BYTES: Final = 2_400
"""An RSA key of 4,096 bits has 2,377 in PKCS#8. OpenSSL computes what a key lacks, or with numbers of any length."""
_LONGEST_NUMBER_BYTES: Final = 513

_KEY: Final = re.compile(rb"-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----([^-]*)-----END ")
_NUMBER, _OCTETS, _NAME, _SEQUENCE = b"\x02", b"\x04", b"\x06", b"\x30"
_RSA_KEY: Final = _NUMBER * 9
_EC_KEY: Final = _NUMBER + _OCTETS
_PKCS8: Final = _NUMBER + _SEQUENCE + _OCTETS
_RSA: Final = frozenset(map(bytes.fromhex, ("2a864886f70d010101", "2a864886f70d01010a")))
_OF_CURVES: Final = frozenset(map(bytes.fromhex, ("2a8648ce3d0201", "2b6570", "2b6571")))


def load(context: ssl.SSLContext, cert_file: str, key_file: str | None, below: str | None = None) -> int:
    """Have a context show a certificate, and return about how much memory it takes with its chain.

    Without a file of its own the key is in the same.

    Raises:
        UnfitKeyError: the key has a password, or is of a kind or length that is not taken; or that of a certificate is.
        TooMuchError: a file is too long.
        OSError: a file cannot be read, or is out of the folder `below`; ssl.SSLError, if there is no certificate in it,
            or another's key.

    """
    content = chosen_files.content_of(cert_file, LONGEST_BYTES, below)
    chain = chosen_files.certificates_in(content)
    key = _key_in(content if key_file is None else chosen_files.content_of(key_file, LONGEST_BYTES, below))
    with chosen_files.named(b"\n".join([*chain, b""])) as chain_name, chosen_files.named(key) as key_name:
        context.load_cert_chain(chain_name, key_name, password=_refuse)
    return chosen_files.memory_bytes(chain)


def _key_in(content: bytes) -> bytes:
    """Return the first key in PEM, by itself; nothing if there is none."""
    if b"ENCRYPTED" in content:
        _refuse()
    found = _KEY.search(content)
    if found is None:
        return b""
    label, text = found.groups()
    try:
        der = binascii.a2b_base64(text)
        is_taken = len(der) <= _LONGEST_KEY_BYTES and _is_taken(der)
    except (ValueError, IndexError):
        is_taken = False
    if not is_taken:
        raise chosen_files.UnfitKeyError("the key is neither RSA of at most 4,096 bits, nor EC, Ed25519 or Ed448")
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label, base64.encodebytes(der), label)


def _is_taken(der: bytes) -> bool:
    """Tell by its structure (RFC 8017, A.1.2; RFC 5915; RFC 5958) whether a key is RSA and short, or of a curve."""
    ((_, key),) = _elements(der)
    parts = list(_elements(key))
    tags = b"".join(tag for tag, _ in parts)
    if tags == _RSA_KEY:
        return all(len(number) <= _LONGEST_NUMBER_BYTES for _, number in parts)
    if not tags.startswith(_PKCS8):
        return tags.startswith(_EC_KEY)
    (_, algorithm), (_, inner) = parts[1:3]
    (tag, name), *_ = _elements(algorithm)
    return tag == _NAME and (name in _OF_CURVES or (name in _RSA and _is_taken(inner)))


def _elements(der: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the tag and the content of each element.

    Raises:
        ValueError, IndexError: it is not DER.

    """
    while der:
        length, begin = der[1], 2
        if length == 0x80:
            raise ValueError
        if length > 0x80:
            begin += length - 0x80
            length = int.from_bytes(der[2:begin], "big")
        yield der[:1], der[begin : begin + length]
        der = der[begin + length :]


def _refuse() -> NoReturn:
    """Answer OpenSSL, which would derive from any password what its owner made last for hours."""
    raise chosen_files.UnfitKeyError("the key is encrypted")
