"""A server's first words in TLS, and whether they ask for a key that takes long to make.

OpenSSL offers finite-field groups, and Python has no way to take them back. A server that asks for the largest of them
(ffdhe8192, by a HelloRetryRequest: RFC 8446, 4.1.4) costs 0.2 s in one call. No server of the web has these alone.
"""

from typing import Final

_HANDSHAKE: Final = 22
_RECORD_HEAD: Final = 5
_MESSAGE_HEAD: Final = 4
_RANDOM_OF_RETRY: Final = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
_KEY_SHARES: Final = tuple(bytes.fromhex("00330002") + bytes((1, group)) for group in range(5))
"""The extension that names the group, for ffdhe2048 to ffdhe8192: RFC 7919, 2."""


def first_message(received: bytes | bytearray) -> bytes | None:
    """Return the first handshake message, in however many records it came; None while it is not all there."""
    message, at = b"", 0
    while len(received) >= at + _RECORD_HEAD:
        end = at + _RECORD_HEAD + int.from_bytes(received[at + 3 : at + _RECORD_HEAD])
        if received[at] == _HANDSHAKE:
            message += received[at + _RECORD_HEAD : end]
        at = end
        length = _MESSAGE_HEAD + int.from_bytes(message[1:_MESSAGE_HEAD])
        if len(message) >= max(length, _MESSAGE_HEAD):
            return message[:length]
    return None


def asks_for_finite_field(message: bytes) -> bool:
    """Tell whether it is a HelloRetryRequest for a finite-field group."""
    return _RANDOM_OF_RETRY in message and any(share in message for share in _KEY_SHARES)
