"""Names under which the page answers: nobody's web site has a browser on this machine read it under a name of its own.

Once a browser has loaded a page of evil.example:8080, that name leads to 127.0.0.1 (DNS rebinding): its scripts may now
read what we answer. Such a browser connects to us itself, so that Host has our port. What a proxy at another port
passes on has that port, or none, and is not judged; one that people reach by our own number is known by `public_url`
alone. Nor is judged what comes to an address that is not loopback: who honestly asks there may know it by any name.
"""

from collections.abc import Container
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Scope

from sitemon.web import health, public_routes
from sitemon.web.auth import Guard
from sitemon.web.client_address import parsed
from sitemon.web.problems import Problem, response_of

_FOR_EVERYBODY: Final = health.PATHS | public_routes.PATHS
"""Badges are not among them: here there are some of sites that are not public."""
_STATIC: Final = "/static/"
_NOBODYS: Final = (".localhost", ".local", ".internal")
"""Nobody can register a name below these (RFC 6761, RFC 6762; ICANN keeps `internal` for private use)."""
_READ_BYTES: Final = 64 << 10
"""Of a file of hosts: some name hundreds of thousands, to block them, after those of the machine."""
_REFUSAL: Final = (
    "not known by the name in Host: set public_url in web.json, or SITEMON_WEB_PUBLIC_URL, to a URL of this name"
)


def names_in(file: Path) -> frozenset[str]:
    """Return the names in a file of hosts: without DNS, it alone has a name with a dot lead to loopback."""
    try:
        with file.open("rb") as opened:
            lines = opened.read(_READ_BYTES).decode(errors="replace").lower().splitlines()
    except OSError:
        return frozenset()
    return frozenset(name for line in lines for name in line.partition("#")[0].split()[1:])


def name_that_leads_here(host: str, server: tuple[str, Any]) -> str | None:
    """Return the name by which a browser may have been led here, None where Host is none that DNS could have.

    `server` is our end of the connection.
    """
    address, port = server
    found = parsed(address)
    name, _, asked_port = host.lower().rpartition(":")
    name = name.removesuffix(".")
    is_direct = asked_port == str(port) and (found is None or found.is_loopback)
    is_address = parsed(name.strip("[]")) is not None
    return name if is_direct and "." in name and not is_address and not name.endswith(_NOBODYS) else None


def refusal_of_name(guard: Guard, names: Container[str], scope: Scope) -> ASGIApp | None:
    """Refuse who is led here by a name that is neither one of this machine's `names` nor that of `public_url`."""
    if scope["path"] in _FOR_EVERYBODY or scope["path"].startswith(_STATIC):
        return None
    name = name_that_leads_here(Headers(scope=scope).get("host", ""), scope["server"] or ("", None))
    if name is None or name in names or name == urlsplit(guard.settings.public_url or "").hostname:
        return None
    return response_of(Problem(421, _REFUSAL))
