"""Where misbehaving servers run: their folder, their certificates, their ports."""

import contextlib
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sitemon.local import name_server
from sitemon.local.behaviours import answering, closed_port, response
from sitemon.local.chains import Signer, new_authority, new_leaf, server_context
from sitemon.local.conversation import Behaviour, Server
from sitemon.local.name_server import NameServer
from sitemon.local.ports import LOOPBACK

CA_FILE: Final = "chain-ca.pem"
DAY: Final = timedelta(days=1)


class Stage:
    """Where the servers run until `close`: their folder, their certificate authority, and their one name server."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self.now = now.replace(microsecond=0)
        self._folder = folder
        self._running = contextlib.ExitStack()
        self._ca = self.authority("sitemon sample CA")
        (folder / CA_FILE).write_bytes(self._ca.pem)
        self._name_server = self._running.enter_context(NameServer(name_server.by_name(name_server.NAMES)))

    def close(self) -> None:
        """End all servers."""
        self._running.close()

    def authority(self, name: str, issuer: Signer | None = None) -> Signer:
        """Make a certificate authority, below another one if that is given."""
        return new_authority(name, issuer=issuer, begins_at=self.now - 30 * DAY, ends_at=self.now + 365 * DAY)

    def web(self, behave: Behaviour) -> str:
        """Serve in the clear, and return the URL."""
        return self._running.enter_context(Server(behave)).url()

    def secure(
        self,
        *chain: Signer,
        issuer: Signer | str | None = "ours",
        hosts: Sequence[str] = (LOOPBACK, "localhost"),
        begins: timedelta = -30 * DAY,
        ends: timedelta = 365 * DAY,
        adjust: Callable[[ssl.SSLContext], None] = lambda _: None,
    ) -> str:
        """Serve a good page over TLS with such a certificate, and return the URL."""
        signer = self._ca if isinstance(issuer, str) else issuer
        leaf = new_leaf(signer, hosts=hosts, begins_at=self.now + begins, ends_at=self.now + ends)
        context = server_context(self._folder, leaf, *chain)
        adjust(context)
        return self._running.enter_context(Server(answering(response()), tls=context)).url()

    def below_intermediate(self) -> str:
        """Serve with a certificate of an intermediate that is not sent along."""
        return self.secure(issuer=self.authority("an intermediate", self._ca))

    def refusing_port(self) -> int:
        """Return a port where nobody will listen."""
        holder, port = closed_port()
        self._running.enter_context(holder)
        return port

    def question(self, name: str, record_type: str = "A") -> str:
        """Return the URL of a question to the name server."""
        return self._name_server.url(name, record_type)

    def demand_certificate(self, context: ssl.SSLContext) -> None:
        """Let in only clients with a certificate of our authority."""
        context.load_verify_locations(self._folder / CA_FILE)
        context.verify_mode = ssl.CERT_REQUIRED
