"""Fields of a site that are fit by themselves and do not fit together, once its defaults are under it."""

import functools
import re
import ssl
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sitemon.config import chosen_files, locate, own_certificates
from sitemon.config.site_values import MOST_HEADERS
from sitemon.config.values import Problem
from sitemon.model.site import REDIRECTS, Site, StatusRange

_CONFLICTING: Final = frozenset(
    ("body_size_bytes", "cert_file", "headers", "ip_version", "key_file", "method", "status")
)
_WITHOUT_BODY: Final = frozenset((204, 304))
_LOOKS_LITERAL: Final = re.compile(r"://(?:[^/]*@)?[\[\d]")
"""To take a URL apart is slow, and most name a host."""
_DEFAULT_MAX_BODY_BYTES: Final = Site(name="", url="").max_body_bytes


def conflicts(values: Mapping[str, Any], defaults: Mapping[str, Any], files_below: str | None) -> list[Problem]:
    """Return what does not fit together among flat values over flat defaults, whose files lie below a folder."""
    if _CONFLICTING.isdisjoint(values) and _CONFLICTING.isdisjoint(defaults):  # as nearly always
        return []
    merged = {**defaults, **values} if defaults else values
    return [
        *_of_headers(values, defaults),
        *_of_sizes(merged),
        *_of_client_certificate(merged, files_below),
        *_of_ip_version(merged),
        *_of_response(merged),
    ]


def _of_headers(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[Problem]:
    own, others = values.get("headers", {}), defaults.get("headers", {})
    if len(own) + len(others) > MOST_HEADERS and len(own.keys() | others.keys()) > MOST_HEADERS:
        yield ("headers",), f"expected at most {MOST_HEADERS} headers, with those of the defaults"


def _of_sizes(merged: Mapping[str, Any]) -> Iterator[Problem]:
    most_bytes = merged.get("max_body_bytes", _DEFAULT_MAX_BODY_BYTES)
    if merged.get("body_size_bytes", 0) >= most_bytes:
        yield ("expect", "body_size"), f"expected less than max_body, {most_bytes} bytes: no more is read"


def _of_client_certificate(merged: Mapping[str, Any], files_below: str | None) -> Iterator[Problem]:
    cert_file, key_file = merged.get("cert_file"), merged.get("key_file")
    if cert_file is not None:
        stamps = tuple(Path(file).stat().st_mtime_ns for file in (cert_file, key_file) if file)
        problem = _pair_problem(cert_file, key_file, files_below, stamps)
        if problem:
            yield ("tls", "cert_file" if key_file is None else "key_file"), problem
    elif key_file is not None:
        yield ("tls", "key_file"), "expected cert_file beside it"


@functools.lru_cache(maxsize=1_000)
def _pair_problem(
    cert_file: str, key_file: str | None, files_below: str | None, _stamps: tuple[int, ...]
) -> str | None:
    """Return what is wrong with a certificate and its key; to read them takes long when 100,000 sites share them."""
    try:
        own_certificates.load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), cert_file, key_file, files_below)
    except chosen_files.UnfitKeyError as exc:
        return f"expected a certificate and its key, without a password, in PEM; {exc}"
    except (chosen_files.TooMuchError, ssl.SSLError, OSError) as exc:
        if getattr(exc, "reason", None) == "KEY_VALUES_MISMATCH":
            return f"expected the key of the certificate in {cert_file}"
        files = cert_file if key_file is None else f"{cert_file} and {key_file}"
        return f"expected a certificate and its key, without a password, in PEM; not so in {files}"
    locate.warn_if_exposed(Path(key_file or cert_file))
    return None


def _of_ip_version(merged: Mapping[str, Any]) -> Iterator[Problem]:
    ip_version, url = merged.get("ip_version"), merged.get("url")
    if ip_version is None or url is None or merged.get("proxy") or not _LOOKS_LITERAL.search(url):
        return
    try:
        address = ip_address(urlsplit(url).hostname or "")
    except ValueError:
        return  # a name
    if address.version != ip_version:
        yield ("ip_version",), f"expected {address.version}, which the address in the URL is, or any"


def _of_response(merged: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what no response can be, so that the site would never be up."""
    body_field = next((field for field in ("match", "json") if field in merged), None)
    if merged.get("method") == "HEAD" and body_field:
        yield ("method",), f"expected another than HEAD, whose response has no body for {body_field}"
    status: tuple[StatusRange, ...] | None = merged.get("status")
    if status is None:
        return
    if all(codes.last < 200 for codes in status):
        yield ("expect", "status"), "expected one from 200 on: 1xx comes before the response"
    elif merged.get("follow_redirects", True) and _is_within(status, REDIRECTS):
        yield ("expect", "status"), "expected follow_redirects: false beside it, or the status of the redirect's target"
    elif body_field and _is_within(status, _WITHOUT_BODY):
        yield ("expect", "status"), f"expected one whose response has a body for {body_field}"


def _is_within(status: tuple[StatusRange, ...], codes: frozenset[int]) -> bool:
    return all(codes.issuperset(range(each.first, each.last + 1)) for each in status)
