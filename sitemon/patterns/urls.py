"""URLs as requests has them sent: hosts in ASCII, and nothing in path and query that no request line can hold."""

import re
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

_AS_SENT: Final = re.compile(
    r"https?://[a-z0-9][a-z0-9.-]*(?::[1-9][0-9]{0,4})?(?:/|(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?)(?:\?[A-Za-z0-9._~=&-]+)?"
)
"""Matches a URL in which surely nothing is to be quoted, lowered or left out."""
_SENT: Final = "!#$%&'()*+,/:;=?@[]~"
"""What is sent as it is, beside letters and digits."""


def without_userinfo(url: str) -> str:
    """Return the URL without ``user:password@``; a server does not choose the credentials that we send."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else url


def as_sent(url: str) -> str:
    """Return a URL without userinfo with its host in ASCII, and path and query as given but for what cannot be sent.

    A ``%`` is sent as it stands: what it means, if anything, is for the server to say.

    Raises:
        ValueError: its host is none.

    """
    if _AS_SENT.fullmatch(url):
        return url
    parts = urlsplit(url)
    host = urlsplit(_with_ascii_host(f"{parts.scheme}://{parts.netloc}/"))
    if host.path != "/":
        raise ValueError("its host has a character that cannot be in it")
    path = _without_dots(parts.path) if "/." in parts.path else parts.path or "/"
    return urlunsplit((host.scheme, host.netloc, quote(path, _SENT), quote(parts.query, _SENT), ""))


def _with_ascii_host(url: str) -> str:
    import requests  # noqa: PLC0415 - few URLs need it, and processes that send none would load it

    prepared = requests.PreparedRequest()
    prepared.prepare_url(url, None)
    return prepared.url or ""


def _without_dots(path: str) -> str:
    """Return where a path with ``.`` and ``..`` in it leads (RFC 3986, 5.2.4)."""
    found: list[str] = []
    _, *segments = path.split("/")
    for segment in segments:
        if segment == "..":
            del found[-1:]
        elif segment != ".":
            found.append(segment)
    if found and segments[-1] in {".", ".."}:
        found.append("")
    return "/" + "/".join(found)
