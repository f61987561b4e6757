"""What web.json may hold, and in the environment the variables of the same names."""

import ipaddress
import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from sitemon.config.fields import FileKind
from sitemon.config.values import UnfitError, boolean, kind_of, text, under

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_NAME: Final = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_HEADER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_LEAST_KEY_CHARS: Final = 32


class Group(NamedTuple):
    """Sites of the public page under one heading: those that have all of these labels."""

    title: str
    match: Mapping[str, str]

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Tell whether a site with these labels is one of them."""
        return self.match.items() <= labels.items()


def token_name(value: object) -> str:
    """Read the name of who signs in by a token: it stands in the log and beside what was done."""
    found = text(value)
    if not _NAME.fullmatch(found):
        raise UnfitError("expected 1 to 64 letters, digits, dots, dashes, underscores and @")
    return found


def _origin(value: object) -> str:
    """Read the address of the page as people see it, without a path."""
    found = text(value).removesuffix("/")
    parts = _web_url(found)
    if parts is None or found != f"{parts.scheme}://{parts.netloc}":
        raise UnfitError("expected a URL without path, query and password, such as https://status.example")
    return found


def _link(value: object) -> str:
    found = text(value)
    if _web_url(found) is None:
        raise UnfitError("expected a URL such as https://www.example/, without a password")
    return found


def _web_url(url: str) -> Any:
    """Return the parts of a URL of the web; None when it is none that may be shown."""
    try:
        parts = urlsplit(url)
        is_fit = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    is_plain = url.isascii() and url.isprintable() and not set(url) & set(' "<>\\')
    return parts if is_fit and is_plain and "@" not in parts.netloc else None


def _tokens(value: object) -> dict[str, str]:
    """Read who may sign in: names, and of each the SHA-256 of its token in hexadecimal digits."""
    found = _mapping(value)
    for name, digest in found.items():
        under(name, token_name, name)
        if not isinstance(digest, str) or not _HASH.fullmatch(digest):
            raise UnfitError("expected 64 hexadecimal digits: the line that `sitemon web token NAME` prints", (name,))
    first: dict[str, str] = {}
    for name, digest in found.items():
        if first.setdefault(digest, name) != name:
            raise UnfitError(f"the same token as that of {first[digest]}", (name,))
    return found


def _groups(value: object) -> tuple[Group, ...]:
    return tuple(_group(title, labels) for title, labels in _mapping(value).items())


def _group(title: str, labels: object) -> Group:
    if not title or not title.isprintable():
        raise UnfitError("expected a title of printable characters", (title,))
    if not isinstance(labels, dict) or not labels:
        raise UnfitError(f'expected labels such as {{"team": "web"}}, not {kind_of(labels)}', (title,))
    for name, label in labels.items():
        if not isinstance(label, str):
            raise UnfitError(f"expected text, not {kind_of(label)}", (title, name))
    return Group(title, labels)


def _mapping(value: object) -> dict[str, Any]:
    """Read an object; the environment gives it as JSON."""
    found = value
    if isinstance(value, str):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            raise UnfitError("expected an object of JSON") from None
    if not isinstance(found, dict):
        raise UnfitError(f"expected an object of names, not {kind_of(found)}")
    return found


def _networks(value: object) -> tuple[Network, ...]:
    """Read networks: a list, or text with commas."""
    found = value.split(",") if isinstance(value, str) else value
    if not isinstance(found, list) or not found:
        raise UnfitError("expected networks such as 10.0.0.0/8")
    networks: list[Network] = []
    for place, network in enumerate(found):
        try:
            networks.append(ipaddress.ip_network(text(network).strip()))
        except (ValueError, UnfitError):
            path = (place,) if isinstance(value, list) else ()
            raise UnfitError("expected a network such as 10.0.0.0/8", path) from None
    return tuple(networks)


def _header(value: object) -> str:
    found = text(value)
    if not _HEADER.fullmatch(found):
        raise UnfitError("expected the name of a header, such as X-Forwarded-User")
    return found.lower()


def _session_key(value: object) -> str:
    found = text(value)
    if len(found) < _LEAST_KEY_CHARS:
        raise UnfitError(f"expected at least {_LEAST_KEY_CHARS} random characters")
    return found


WEB: Final = FileKind(
    "web.json",
    "SITEMON_WEB_",
    {
        "public_url": _origin,
        "tokens": _tokens,
        "session_key": _session_key,
        "sign_in_to_read": boolean,
        "proxy_networks": _networks,
        "proxy_header": _header,
        "public_title": text,
        "public_text": text,
        "public_logo": text,
        "public_link": _link,
        "public_groups": _groups,
    },
    required=(),
    secrets=("session_key",),
)
