"""The head of a request (RFC 9112, 3)."""

import re
from collections.abc import Mapping
from typing import Final

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET: Final = re.compile(r"[!-~]+")
_VALUE: Final = re.compile(r"[\t -~\x80-\xff]*")


def head_bytes(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """Return the head of a request: its line, and the headers in their order.

    Raises:
        ValueError: a server could read something in it as another line, or as nothing at all.

    """
    if not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise ValueError("the request line has a character that cannot be in it")
    lines = [f"{method} {target} HTTP/1.1"]
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError("a header has a character that cannot be in it")
        lines.append(f"{name}: {value}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def host_header(host: str, port: int, *, is_tls: bool) -> str:
    """Return what the Host header says: the usual port is not named (RFC 9112, 3.2)."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port == (443 if is_tls else 80) else f"{shown}:{port}"
