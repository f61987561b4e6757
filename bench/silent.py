"""A server that takes every connection and never answers, at many addresses: what sites look like that hang."""

import asyncio
import multiprocessing
import multiprocessing.connection
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sitemon.local.ports import free_port

HOSTS: Final = tuple(f"127.0.1.{number}" for number in range(1, 251))
"""So many that the worker's limit for one host and port, 20 checks at once, holds up none of 4,000."""


@contextmanager
def silent_server() -> Iterator[int]:
    """Run it in a process of its own; give the port, which is the same at all `HOSTS`."""
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(there, free_port()), daemon=True)
    server.start()
    there.close()
    try:
        yield here.recv()
    finally:
        server.terminate()
        server.join()


def _serve(pipe: multiprocessing.connection.Connection, port: int) -> None:
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    asyncio.run(_hold_connections(pipe, port))


async def _hold_connections(pipe: multiprocessing.connection.Connection, port: int) -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, HOSTS, port, backlog=1_024)
    pipe.send(port)
    await server.serve_forever()
