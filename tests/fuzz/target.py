"""A reader of what others send, as something that can be fed with any bytes, and what reading may take."""

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

SEPARATOR: Final = b"\n--\n"
"""Stands between the parts of an input that has several, so that a person can write and read one."""

MOST_MEMORY_BYTES: Final = 512 << 20
_PAGE_BYTES: Final = resource.getpagesize()


class Target(NamedTuple):
    """A reader under test.

    `read` catches what the reader is declared to raise, and nothing else; what it asserts must hold for any bytes.
    `seeds` are good and bad inputs from which others are made. One input may take `most_cpu_s`.
    """

    name: str
    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    most_cpu_s: float = 1.0


class TooSlowError(Exception):
    """Reading an input takes more CPU than it may."""


def parts_of(data: bytes, count: int) -> list[bytes]:
    """Return so many parts of an input; those that are not there are empty."""
    found = data.split(SEPARATOR, count - 1)
    return found + [b""] * (count - len(found))


def pieces_of(data: bytes) -> list[bytes]:
    """Return the data as a network may cut it: in pieces whose length is the first byte."""
    length = (data[0] if data else 0) or 1
    return [data[at : at + length] for at in range(1, len(data), length)]


def read_within_bounds(target: Target, data: bytes) -> None:
    """Let a target read an input.

    Raises:
        TooSlowError: it takes too long, also when it reads it for the second time.
        Exception: any that its reader is not declared to raise.

    """
    if _cpu_s_of(target, data) > target.most_cpu_s and (taken_s := _cpu_s_of(target, data)) > target.most_cpu_s:
        raise TooSlowError(f"{target.name}: {len(data)} bytes take {taken_s:.1f} s of CPU")


def bound_memory() -> None:
    """Let this process have only `MOST_MEMORY_BYTES` more than it has now: beyond them there is a MemoryError."""
    has_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (has_bytes + MOST_MEMORY_BYTES, resource.RLIM_INFINITY))


def _cpu_s_of(target: Target, data: bytes) -> float:
    began_s = time.process_time()
    target.read(data)
    return time.process_time() - began_s
