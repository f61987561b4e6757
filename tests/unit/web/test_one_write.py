"""The head of an answer waits for the first part of its body, and for nothing else."""

import asyncio
from collections.abc import Awaitable, Callable

from sitemon.web.one_write import OneWrite


class Written(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.parts.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True


def written_by(work: Callable[[OneWrite], Awaitable[None]]) -> Written:
    written = Written()

    async def run() -> None:
        await work(OneWrite(written, asyncio.get_running_loop()))

    asyncio.run(run())
    return written


def test_a_head_and_the_first_part_are_written_at_once() -> None:
    async def work(answer: OneWrite) -> None:
        for part in (b"head, ", b"first", b"second"):
            answer.write(part)

    assert written_by(work).parts == [b"head, first", b"second"]


def test_a_head_whose_body_comes_later_is_written_before_it() -> None:
    async def work(answer: OneWrite) -> None:
        answer.write(b"head")
        await asyncio.sleep(0)
        answer.write(b"first")

    assert written_by(work).parts == [b"head", b"first"]


def test_a_head_alone_is_written_before_the_end() -> None:
    async def work(answer: OneWrite) -> None:
        answer.write(b"head")
        answer.close()

    written = written_by(work)
    assert written.parts == [b"head"]
    assert written.is_closed
