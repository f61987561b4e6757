"""Reading a message: what no reader of its topic can make anything of."""

from typing import Protocol, TypeVar

import msgspec

from sitemon.model.errors import PoisonError


class _Versioned(Protocol):
    @property
    def v(self) -> int: ...


T = TypeVar("T", bound=_Versioned)


def decoded(decoder: msgspec.json.Decoder[T], value: bytes, version: int, problem: str) -> T:
    """Return the message of a Kafka value.

    Raises:
        PoisonError: it is none, which is the `problem`, or of another version.

    """
    try:
        message = decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise PoisonError(problem, str(exc)) from exc
    except RecursionError as exc:
        # msgspec also walks through fields that nobody knows.
        raise PoisonError(problem, "it is nested too deeply") from exc
    if message.v != version:
        raise PoisonError("unknown_version", f"version {message.v}, expected {version}")
    return message
