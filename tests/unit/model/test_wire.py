"""What no reader of a topic can make anything of, whichever topic it is."""

import json
from collections.abc import Callable

import pytest

from sitemon.model.errors import PoisonError
from sitemon.model.marks import decode_mark
from sitemon.model.result import decode
from sitemon.model.schedule import decode_event
from sitemon.model.status import decode_status

READERS = pytest.mark.parametrize("read", [decode, decode_event, decode_mark, decode_status])


@READERS
def test_what_is_nested_too_deeply_is_poison(read: Callable[[bytes], object]) -> None:
    with pytest.raises(PoisonError, match="nested too deeply"):
        read(b'{"unknown":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


@READERS
@pytest.mark.parametrize("value", [b"", b"\xff", b"[]", json.dumps({"v": 1}).encode()])
def test_what_is_no_message_is_poison(read: Callable[[bytes], object], value: bytes) -> None:
    with pytest.raises(PoisonError, match="not_a_"):
        read(value)
