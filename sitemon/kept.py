"""What is kept, in bounds: what functions returned, in so much memory, and the last things of a dict."""

import collections
import os
import sys
import threading
from collections.abc import Callable
from functools import update_wrapper
from typing import Final, Generic, TypeVar, TypeVarTuple

import msgspec

_BYTES_OF_ENTRY: Final = 300

_A = TypeVarTuple("_A")
_T = TypeVar("_T")
_V = TypeVar("_V")


def kept(most_bytes: int) -> Callable[[Callable[[*_A], _T]], "_Kept[*_A, _T]"]:
    """Keep what the function returned, and its arguments, in about so many bytes: what came first makes room.

    They are texts, bytes, numbers and moments, or tuples and structs of such; of anything else what it has is not
    counted. It is for functions that are asked for the same things again and again, in all threads.
    """
    return lambda make: _Kept(make, most_bytes)


class _Kept(Generic[*_A, _T]):
    def __init__(self, make: Callable[[*_A], _T], most_bytes: int) -> None:
        self.held_bytes = 0
        self._most_bytes = most_bytes
        self._make = make
        self._results: collections.OrderedDict[tuple[*_A], tuple[_T, int]] = collections.OrderedDict()
        self._lock = threading.Lock()
        update_wrapper(self, make)
        os.register_at_fork(after_in_child=self._forget_lock)

    def __call__(self, *args: *_A) -> _T:
        found = self._results.get(args)
        return self._made(args) if found is None else found[0]

    def _made(self, args: tuple[*_A]) -> _T:
        result = self._make(*args)
        size = _BYTES_OF_ENTRY + _bytes_of(args) + _bytes_of(result)
        with self._lock:
            self.held_bytes += size - self._results.pop(args, (result, 0))[1]
            self._results[args] = result, size
            while self.held_bytes > self._most_bytes:
                self.held_bytes -= self._results.popitem(last=False)[1][1]
        return result

    def _forget_lock(self) -> None:
        self._lock = threading.Lock()


def _bytes_of(value: object) -> int:
    """Return how much memory a value takes: Python has up to 4 bytes for each character of a text."""
    if isinstance(value, msgspec.Struct):
        return sys.getsizeof(value) + sum(map(_bytes_of, msgspec.structs.astuple(value)))
    return sys.getsizeof(value) + (sum(map(_bytes_of, value)) if isinstance(value, tuple) else 0)


def keep_last(key: _T, value: _V, among: dict[_T, _V], most: int) -> None:
    """Keep a value as the last of a dict, and forget the first of too many."""
    among.pop(key, None)
    if len(among) >= most:
        del among[next(iter(among))]
    among[key] = value
