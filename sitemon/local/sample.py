"""Sample sites to watch: a server on loopback with good, slow, flaky and broken ones, and the sites.yaml for them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

import yaml

from sitemon import clock
from sitemon.local.certificates import Authority
from sitemon.local.part import Part
from sitemon.local.ports import LOOPBACK, ask, free_port
from sitemon.model.outcome import Reason
from sitemon.python_command import command_of

INTERVAL_S: Final = 2
_TIMEOUT_S: Final = 1.5


class SampleSite(NamedTuple):
    """One sample: where it is, on which of the server's ports, what it shows, and what is expected of it.

    `reason` is what a check should give, None when it is up.
    """

    name: str
    port: str
    path: str
    shows: str
    fields: Mapping[str, Any]
    reason: Reason | None = None


SAMPLES: Final = (
    SampleSite("good", "http", "/good", "a site that is well", {"match": "In stock: [0-9]+"}),
    SampleSite("moved", "http", "/moved", "a redirect to a good page", {"match": "In stock"}),
    SampleSite("outage", "http", "/outage", "is down for 8 s now and then", {}),
    SampleSite("slow", "http", "/slow", "takes 0.6 s", {}),
    SampleSite("flaky", "http", "/flaky", "fails at every fourth visit", {}, Reason.HTTP_STATUS),
    SampleSite("gone", "http", "/nowhere", "404, which is expected here", {"expect": {"status": [404]}}),
    SampleSite("broken", "http", "/broken", "answers 500", {}, Reason.HTTP_STATUS),
    SampleSite("sold-out", "http", "/sold-out", "the wrong text", {"match": "In stock"}, Reason.NO_MATCH),
    SampleSite("stuck", "http", "/stuck", "does not answer in time", {}, Reason.TIMEOUT),
    SampleSite("reset", "http", "/reset", "resets the connection", {}, Reason.PROTOCOL_ERROR),
    SampleSite("refused", "refused", "/", "nobody listens", {}, Reason.CONNECT_ERROR),
    SampleSite("expiring", "expiring", "/good", "its certificate ends in 5 days", {"tls": {"ca_file": "ca.pem"}}),
    SampleSite(
        "expired", "expired", "/good", "its certificate has ended", {"tls": {"ca_file": "ca.pem"}}, Reason.TLS_ERROR
    ),
    SampleSite("untrusted", "expiring", "/good", "its certificate is of an unknown CA", {}, Reason.TLS_ERROR),
)


class SampleServer(Part):
    """The server of the sample sites. Each start makes new certificates and a new sites.yaml."""

    name: ClassVar[str] = "sample"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.sites_file = self.folder / "sites.yaml"
        self._arguments: list[str] = []

    def obtain(self) -> None:
        """Nothing to obtain: it is part of this package."""

    def prepare(self) -> None:
        """Make certificates, choose ports, and write the sites.yaml with them."""
        now = clock.utc_now()
        authority = Authority(self.folder, now)
        expiring = authority.issue("expiring", expires_at=now + timedelta(days=5))
        expired = authority.issue("expired", expires_at=now - timedelta(days=1))
        ports = {"http": self.port} | {name: free_port() for name in ("expiring", "expired", "refused")}
        self._arguments = [str(self.port), str(ports["expiring"]), str(expiring), str(ports["expired"]), str(expired)]
        self.sites_file.write_text(sites_yaml(ports))

    def command(self) -> Sequence[str | Path]:
        """Return the server's command line."""
        return [*command_of("sitemon.local.sample_server"), *self._arguments]

    def answers(self) -> bool:
        """Return whether the good site is there."""
        return b" 200 " in ask(self.port, b"GET /good HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")

    @property
    def environment(self) -> dict[str, str]:
        """Which sites to watch."""
        return {"SITEMON_SITES": str(self.sites_file)}


def sites_yaml(ports: dict[str, int]) -> str:
    """Return the sites file of all samples, given the server's ports by name."""
    sites = [
        {"name": site.name, "url": _url(site, ports), **site.fields, "labels": {"shows": site.shows}}
        for site in SAMPLES
    ]
    document = {"defaults": {"interval": INTERVAL_S, "timeout": _TIMEOUT_S}, "sites": sites}
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _url(site: SampleSite, ports: dict[str, int]) -> str:
    scheme = "https" if site.port in {"expiring", "expired"} else "http"
    return f"{scheme}://{LOOPBACK}:{ports[site.port]}{site.path}"
