"""The URL of a site: which schemes there are, what each needs, and which fields mean nothing to it."""

import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv6Address
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from sitemon.config.site_values import Context
from sitemon.config.values import UnfitError, ValuePath, text
from sitemon.model.target import RECORD_TYPES, ascii_host, question_of, scheme_of, target_of
from sitemon.patterns.urls import as_sent, without_userinfo

LONGEST_URL_BYTES: Final = 8_000
"""RFC 9110, 4.1. A result has it in it, and each check reads all of it."""
_PLAIN: Final = re.compile(
    r"https?://(?:[A-Za-z0-9_][A-Za-z0-9_-]{0,62}\.)*[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(?::[1-9][0-9]{0,3})?(?:/[!-\[\]-~]*)?"
)
"""What most URLs look like; `urlsplit`, which is slower, is for the rest."""


class _Scheme(NamedTuple):
    fits: Callable[[str, SplitResult], bool]
    example: str


def _is_bare(_: str, parts: SplitResult) -> bool:
    return "@" not in parts.netloc and parts.path in {"", "/"} and not parts.query and not parts.fragment


def _is_question(found: str, parts: SplitResult) -> bool:
    return "@" not in parts.netloc and not parts.fragment and bool(question_of(found))


def _is_sent(found: str, _: SplitResult) -> bool:
    return bool(as_sent(without_userinfo(found)))


_WEB: Final = _Scheme(_is_sent, "https://example.org/path")
_SCHEMES: Final[Mapping[str, _Scheme]] = {
    "http": _WEB,
    "https": _WEB,
    "tcp": _Scheme(_is_bare, "tcp://example.org:5432"),
    "tls": _Scheme(_is_bare, "tls://example.org:993"),
    "dns": _Scheme(_is_question, f"dns://192.0.2.53/example.org?type=A ({', '.join(RECORD_TYPES)})"),
}


_OF_WEB: Final[dict[str, ValuePath]] = {
    "match": ("match",),
    "method": ("method",),
    "headers": ("headers",),
    "auth": ("auth",),
    "body": ("body",),
    "follow_redirects": ("follow_redirects",),
    "max_redirects": ("max_redirects",),
    "max_body_bytes": ("max_body",),
    "proxy": ("proxy",),
    "status": ("expect", "status"),
    "not_match": ("expect", "not_match"),
    "expected_headers": ("expect", "headers"),
    "json": ("expect", "json"),
    "body_size_bytes": ("expect", "body_size"),
}
_OF_TLS: Final[dict[str, ValuePath]] = {
    "verify": ("tls", "verify"),
    "ca_file": ("tls", "ca_file"),
    "cert_file": ("tls", "cert_file"),
    "key_file": ("tls", "key_file"),
    "server_name": ("tls", "server_name"),
    "cert_days": ("expect", "cert_days"),
}
_OF_DNS: Final[dict[str, ValuePath]] = {"records": ("expect", "records")}
_UNFIT: Final[Mapping[str, Mapping[str, ValuePath]]] = {
    "http": _OF_DNS,
    "https": _OF_DNS,
    "tcp": _OF_WEB | _OF_TLS | _OF_DNS,
    "tls": _OF_WEB | _OF_DNS,
    "dns": _OF_WEB | _OF_TLS,
}


def url(value: object, _: Context) -> str:
    """Read an absolute URL of one of the schemes that can be checked."""
    found = text(value)
    if len(found.encode()) > LONGEST_URL_BYTES:
        raise UnfitError(f"expected a URL of at most {LONGEST_URL_BYTES:,} bytes")
    if _PLAIN.fullmatch(found):
        return found
    scheme = _SCHEMES.get(scheme_of(found), _WEB)
    if not _fits(found, scheme):
        raise UnfitError(f"expected a URL such as {scheme.example}")
    return found


def _fits(found: str, scheme: _Scheme) -> bool:
    try:
        parts = urlsplit(found)
        is_url = parts.scheme in _SCHEMES and not set(found) & {" ", "\\"} and is_host(target_of(found).host)
        return is_url and scheme.fits(found, parts)
    except ValueError:
        return False


def is_host(host: str) -> bool:
    """Tell whether a host can be asked for; ValueError when an address or a label of a name is not one."""
    if ":" in host:
        return IPv6Address(host) is not None
    return bool(ascii_host(host))


def unfit(found: str, names: Iterable[str]) -> list[tuple[str, ValuePath]]:
    """Return which of these flat fields mean nothing to a site with this URL, and their paths in its mapping."""
    unfit_fields = _UNFIT[scheme_of(found)]
    if unfit_fields is _OF_DNS and "records" not in names:  # as nearly always
        return []
    return [(name, unfit_fields[name]) for name in names if name in unfit_fields]
