"""What came of a request."""

from collections.abc import Mapping
from typing import NamedTuple


class Page(NamedTuple):
    """A response. `headers` go by names in lower case and hold repeated ones joined by commas (RFC 9110, 5.3).

    `body` is what was read of it, in pieces about as they came, maybe compressed: to join megabytes takes long.
    `locations` are the different places to which it redirects, `set_cookies` the cookies that it sets, as it says so.
    """

    http_code: int
    headers: Mapping[str, str]
    body: tuple[bytes, ...]
    locations: frozenset[str] = frozenset()
    set_cookies: tuple[str, ...] = ()
