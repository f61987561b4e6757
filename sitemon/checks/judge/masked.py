"""Hiding the secrets of a site in what a server sent: some servers echo them, in a page, a header or a redirect."""

import base64
import binascii
import html
import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from sitemon.model.site import Header, Site, public_url

_SHORTEST_OF_QUERY: Final = 4
_MOST_QUOTED: Final = 6
_LONGEST_URL: Final = 2_000
_STARS: Final = re.compile(r"\*{3,}")
_CREDENTIALS: Final = ("authorization", "cookie", "proxy-authorization")


def masked(site: Site, text: str, first: int = 0, last: int | None = None) -> str:
    """Return the text from `first` to `last` with the secrets of the site masked, so that no half of one is left.

    Upper and lower case are one: a host name in a redirect loses its case.
    """
    piece = text[first:last]
    secrets = sorted(secrets_of(site), key=len, reverse=True)
    if not secrets:
        return piece
    begin, end = max(0, first - len(secrets[0])), first + len(piece) + len(secrets[0])
    any_secret = re.compile("|".join(map(re.escape, secrets)), re.IGNORECASE)
    covered = any_secret.sub(lambda found: "*" * len(found[0]), text[begin:end])
    return _STARS.sub("***", covered[first - begin :][: len(piece)])


def masked_url(site: Site, url: str) -> str:
    """Return the public form of a URL that a server gave us.

    Nothing of its path is shown when a secret is quoted in it twice, or it is so long that to look takes long.
    """
    bare = public_url(url)
    is_hidden = len(bare) > _LONGEST_URL or _has_quoted_secret(site, masked(site, bare))
    return masked(site, urlsplit(bare)._replace(path="/***").geturl() if is_hidden else bare)


def _has_quoted_secret(site: Site, text: str) -> bool:
    for _ in range(_MOST_QUOTED):
        if masked(site, text) != text:
            return True
        quoted, text = text, unquote(text)
        if text == quoted:
            return False
    return True  # nobody quotes so often who has nothing to hide


def secrets_of(site: Site) -> set[str]:
    """Return what a server may echo of the site's secrets, in every form in which it may."""
    found = {*_of_url(site.url), *(site.body.secrets if site.body else ())}
    to_proxy = site.proxy.authorization if site.proxy else None
    for header in (*site.headers, *([Header("Proxy-Authorization", to_proxy)] if to_proxy else ())):
        if header.is_secret or header.name.lower() in _CREDENTIALS:
            found |= {*_of_header(header)}
    return {form for secret in found for form in _forms(secret) if form}


def _of_header(header: Header) -> Iterator[str]:
    yield from (header.value, *header.secrets)
    scheme, _, credentials = header.value.partition(" ")
    if credentials:
        yield credentials
    if scheme.lower() == "basic":
        try:
            userinfo = base64.b64decode(credentials, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return
        yield from (userinfo, userinfo.partition(":")[2])


def _of_url(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    if "@" in parts.netloc:
        userinfo = parts.netloc.rpartition("@")[0]
        yield from (userinfo, unquote(userinfo), unquote(parts.password or ""))
        yield base64.b64encode(unquote(userinfo).encode()).decode()  # as we send it
    if parts.query:
        yield from (parts.query, unquote(parts.query))
        as_written = (pair.partition("=")[2] for pair in parts.query.split("&"))
        values = (value for _, value in parse_qsl(parts.query))
        yield from (value for value in (*as_written, *values) if len(value) >= _SHORTEST_OF_QUERY)


def _forms(secret: str) -> Iterator[str]:
    """Yield the secret itself, and as it stands in JSON or HTML, each also in a URL or a form, or read as latin-1."""
    for text in (secret, html.escape(secret), *_in_json(secret, is_ascii=True), *_in_json(secret, is_ascii=False)):
        yield from (text, quote(text, safe=""), quote_plus(text))
    if not secret.isascii():
        yield secret.encode().decode("latin-1")
        yield secret.encode("latin-1", "replace").decode(errors="replace")


def _in_json(secret: str, *, is_ascii: bool) -> tuple[str, str]:
    """Return the secret as it stands in JSON, and in JSON that is text in JSON, as echoes of a JSON body are."""
    once = json.dumps(secret, ensure_ascii=is_ascii)[1:-1]
    return once, json.dumps(once, ensure_ascii=is_ascii)[1:-1]
