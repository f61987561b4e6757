"""Marks: the messages of topic ``sitemon.marks``, of which the last of each key says all.

They say who was at work, and up to when: with them the recorder knows how long to wait before it calls a slot missed,
and why it was.
"""

from typing import Final

import msgspec

from sitemon.model.wire import decoded

VERSION: Final = 1


class Reign(msgspec.Struct, frozen=True, kw_only=True, tag_field="mark", tag="reign"):
    """The beat with this token of the lease led from `from_ms` to `until_ms` at least (milliseconds of the epoch)."""

    v: int = VERSION
    token: int
    from_ms: int
    until_ms: int

    @property
    def key(self) -> str:
        """The key on the compacted topic."""
        return f"reign:{self.token}"


class Published(msgspec.Struct, frozen=True, kw_only=True, tag_field="mark", tag="publisher"):
    """What this process found up to `up_to_ms` (milliseconds of the epoch) went to Kafka before this mark.

    `made` is how many results of scheduled slots it published in all; `is_last`: the process ended in good order.
    """

    v: int = VERSION
    publisher: str
    up_to_ms: int
    made: int
    is_last: bool = False

    @property
    def key(self) -> str:
        """The key on the compacted topic."""
        return f"publisher:{self.publisher}"


Mark = Reign | Published

_decoder: msgspec.json.Decoder[Mark] = msgspec.json.Decoder(Mark)


def encode_mark(mark: Mark) -> bytes:
    """Return the Kafka value of a mark."""
    return msgspec.json.encode(mark)


def decode_mark(value: bytes) -> Mark:
    """Read a Kafka value.

    Raises:
        PoisonError: it is no mark, or of another version.

    """
    return decoded(_decoder, value, VERSION, "not_a_mark")
