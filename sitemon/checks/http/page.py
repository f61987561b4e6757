"""What came of a request."""

from collections.abc import Mapping
from typing import NamedTuple


class Page(NamedTuple):
    """A response. `headers` go by names in lower case and hold repeated ones joined by commas (RFC 9110, 5.3).

    `body` is what was read of it, decompressed, at most the site's cap. `locations` are the different places to which
    it redirects.
    """

    http_code: int
    headers: Mapping[str, str]
    body: bytes
    locations: frozenset[str] = frozenset()
