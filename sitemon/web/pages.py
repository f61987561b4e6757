"""What all pages have in common."""

from typing import Final

from fastapi import Response

from sitemon.web.snapshot import Snapshot
from sitemon.web.templating import render

_HTML: Final = "text/html; charset=utf-8"
_HEADERS: Final = {"Cache-Control": "no-store"}
_LATER: Final = {**_HEADERS, "Retry-After": "5"}


def no_data() -> Response:
    """Return the page that stands for all others while there is nothing to show."""
    body = render("nothing.html", snapshot=None, here="")
    return Response(body, 503, media_type=_HTML, headers=_LATER)


def not_found(snapshot: Snapshot | None, words: str) -> Response:
    """Return the page of an address that leads nowhere."""
    body = render("not_found.html", snapshot=snapshot, here="", words=words)
    return Response(body, 404, media_type=_HTML, headers=_HEADERS)
