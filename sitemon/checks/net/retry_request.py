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


class FirstMessage:
    """The first handshake message, put together from what arrives, in however many records and pieces it comes.

    Each byte is looked at once: a server may send thousands of them one by one. `received_bytes` is how many came.
    """

    def __init__(self) -> None:
        self.received_bytes = 0
        self._unread = bytearray()
        self._message = bytearray()

    def take(self, piece: bytes) -> bytes | None:
        """Take what came next; return the message once it is all there."""
        self.received_bytes += len(piece)
        self._unread += piece
        at = 0
        while (end := self._end_of_record(at)) is not None:
            if self._unread[at] == _HANDSHAKE:
                self._message += self._unread[at + _RECORD_HEAD : end]
            at = end
            length = _MESSAGE_HEAD + int.from_bytes(self._message[1:_MESSAGE_HEAD])
            if len(self._message) >= max(length, _MESSAGE_HEAD):
                return bytes(self._message[:length])
        del self._unread[:at]
        return None

    def _end_of_record(self, at: int) -> int | None:
        """Return where the record ends that begins there; None while it is not all there."""
        head = self._unread[at : at + _RECORD_HEAD]
        end = at + _RECORD_HEAD + int.from_bytes(head[3:])
        return end if len(head) == _RECORD_HEAD and end <= len(self._unread) else None


def asks_for_finite_field(message: bytes) -> bool:
    """Tell whether it is a HelloRetryRequest for a finite-field group."""
    return _RANDOM_OF_RETRY in message and any(share in message for share in _KEY_SHARES)
