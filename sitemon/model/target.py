"""Where a URL leads: the host and port of any scheme, and what a ``dns://`` URL asks there."""

import re
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from sitemon.kept import kept

RECORD_TYPES: Final = ("A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT")

_PORTS: Final = {"http": 80, "https": 443, "dns": 53}
_LABEL: Final = re.compile(r"[!-\-/-~]{1,63}")
_LONGEST_NAME: Final = 253
"""RFC 1035, 2.3.4: 255 bytes on the wire."""
_LONGEST_LABEL: Final = 63
_DOTS: Final = re.compile("[.\u3002\uff0e\uff61]")
"""RFC 3490, 3.1."""
_MOST_KEPT_BYTES: Final = 12 << 20
"""That is some 20,000 usual URLs."""


class Target(NamedTuple):
    """A host, which is a name or an IP address, and a port."""

    host: str
    port: int


class Question(NamedTuple):
    """What is asked of a name server: the records of one type that a name has."""

    name: str
    record_type: str


def scheme_of(url: str) -> str:
    """Return the scheme in lower case."""
    return url.partition(":")[0].lower()


@kept(_MOST_KEPT_BYTES)
def target_of(url: str) -> Target:
    """Return the host and port of a URL; ``tcp`` and ``tls`` have no usual port.

    Raises:
        ValueError: there is none.

    """
    parts = urlsplit(url)
    port = _PORTS.get(parts.scheme) if parts.port is None else parts.port
    if not parts.hostname or not port:
        raise ValueError("expected a host and a port")
    return Target(parts.hostname, port)


def ascii_host(host: str) -> str:
    """Return a host name as it is looked up, an international one in ASCII.

    To encode one takes as long as the square of its length, so that no label is longer than any is in ASCII.

    Raises:
        ValueError: it is not one.

    """
    if len(host) > _LONGEST_NAME + 1 or max(map(len, _DOTS.split(host))) > _LONGEST_LABEL:
        raise ValueError("expected a host name")
    return host.encode("idna").decode()


@kept(4 << 20)
def question_of(url: str) -> Question:
    """Return what ``dns://resolver[:port]/name?type=A`` asks; without type, that is A.

    Raises:
        ValueError: it is not such a URL.

    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)) if parts.query else {}
    record_type = options.pop("type", "A").upper()
    path = parts.path.removeprefix("/")
    if options or record_type not in RECORD_TYPES or "/" in path:
        raise ValueError("expected a name, and ?type= with the type of a record")
    return Question(_name(unquote(path, errors="strict")), record_type)


def _name(written: str) -> str:
    """Return a domain name as it is asked for, without the last dot; the root is a dot."""
    if written == ".":
        return written
    if len(written) > _LONGEST_NAME + 1:
        raise ValueError("expected a domain name")
    labels = written.removesuffix(".").split(".")
    ascii_labels = [label if label.isascii() else ascii_host(label) for label in labels]
    name = ".".join(ascii_labels)
    if len(name) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, ascii_labels)):
        raise ValueError("expected a domain name")
    return name
