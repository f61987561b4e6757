"""The local stack: PostgreSQL, Redis (Valkey) and Apache Kafka under one folder, from packages alone."""

import logging
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sitemon.local.kafka import Kafka, KafkaProtocolPart
from sitemon.local.kafka_files import is_obtainable
from sitemon.local.part import Part
from sitemon.local.postgres import Postgres
from sitemon.local.sample import SampleServer
from sitemon.local.tansu import Tansu
from sitemon.local.valkey import Valkey

log = logging.getLogger(__name__)

PARTS: Final = ("postgres", "redis", "kafka")  # and, when asked for, "sample": sites to watch


class Stack:
    """The servers that sitemon needs, on free ports of 127.0.0.1, with data and logs in a folder.

    They cannot outlive this process. Each part is there by name (`stack.kafka.kill()`), started or not. A stack
    starts again on the data that it, or a stack of a process that was killed, left in the folder.
    """

    def __init__(self, folder: Path, parts: Iterable[str] = PARTS) -> None:
        self.folder = folder.absolute()
        self.postgres = Postgres(self.folder)
        self.redis = Valkey(self.folder)
        self.kafka: KafkaProtocolPart = Kafka(self.folder) if is_obtainable() else Tansu(self.folder)
        self.sample = SampleServer(self.folder)
        self.parts: Sequence[Part] = [getattr(self, name) for name in parts]

    def up(self) -> None:
        """Start all parts at once; return when each answers. When one does not, none is left running.

        Raises FatalError, naming the log of the part, or MissingToolError with what to install.
        """
        if isinstance(self.kafka, Tansu) and self.kafka in self.parts:
            log.warning("stack.tansu: without Java and Maven, Kafka is Tansu, which keeps messages in memory only")
        for part in self.parts:
            part.obtain()
        cancelled = threading.Event()
        with ThreadPoolExecutor(len(self.parts)) as pool:
            try:
                list(pool.map(lambda part: part.start(cancelled), self.parts))
            except BaseException:
                cancelled.set()
                pool.shutdown()
                self.down()
                raise

    def down(self) -> None:
        """Stop all parts in good order; return when nothing of them is left. Again is no error."""
        with ThreadPoolExecutor(len(self.parts)) as pool:
            list(pool.map(Part.stop, self.parts))

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which every sitemon command uses this stack, and a spool of its own."""
        servers = {name: value for part in self.parts for name, value in part.environment.items()}
        return servers | {"SITEMON_SPOOL_DIR": str(self.folder / "spool")}
