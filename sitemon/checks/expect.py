"""Judging a response: is it what the site's owner expects? All expectations are looked at, the first decides."""

import codecs
import functools
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import re2

from sitemon.model.outcome import REASONS, Outcome, Reason
from sitemon.model.site import Expect, Site, StatusRange

_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([^\s"';,]+)""", re.IGNORECASE)
# Python has codecs that are no charset of text; some of them take quadratic time or warn.
_NO_CHARSETS: Final = frozenset(("idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"))


class Page(NamedTuple):
    """A response. `body` is what was read of it, decompressed, at most the site's cap."""

    http_code: int
    content_type: str
    location: str | None
    body: bytes


class Verdict(NamedTuple):
    """What a response means. `failures` are the words for every expectation that was not met."""

    reason: Reason | None
    failures: tuple[str, ...]
    is_match_found: bool | None

    @property
    def outcome(self) -> Outcome:
        """The outcome to which the reason belongs."""
        return Outcome.UP if self.reason is None else REASONS[self.reason][0]


def judge(site: Site, page: Page) -> Verdict:
    """Compare a response with what is expected of the site."""
    is_match_found = None if site.match is None else is_found(site.match, text_of(page))
    failures = tuple(_failures(site.expect, page, is_match_found))
    reason = failures[0][0] if failures else None
    return Verdict(reason, tuple(words for _, words in failures), is_match_found)


def _failures(expect: Expect, page: Page, is_match_found: bool | None) -> Iterator[tuple[Reason, str]]:
    if not any(codes.first <= page.http_code <= codes.last for codes in expect.status):
        yield Reason.HTTP_STATUS, f"HTTP status {page.http_code}, expected {_listed(expect.status)}"
    if is_match_found is False:
        yield Reason.NO_MATCH, "the response does not match the regex"


def _listed(status: tuple[StatusRange, ...]) -> str:
    return ", ".join(
        str(codes.first) if codes.first == codes.last else f"{codes.first}-{codes.last}" for codes in status
    )


def is_found(pattern: str, text: str) -> bool:
    """Search the text for an RE2 regex.

    Raises:
        ValueError: it is not one, in RE2's own words.

    """
    return compiled(pattern).search(text) is not None


@functools.lru_cache(maxsize=4096)
def compiled(pattern: str) -> Any:
    """Return the compiled RE2 regex.

    Raises:
        ValueError: it is not one, in RE2's own words.

    """
    options = re2.Options()
    options.log_errors = False  # RE2 would write to stderr
    try:
        return re2.compile(pattern, options)
    except re2.error as exc:
        words = exc.args[0] if exc.args else ""
        raise ValueError(words.decode() if isinstance(words, bytes) else str(words)) from exc


def text_of(page: Page) -> str:
    """Decode a body by the charset of its header, else as UTF-8; what does not decode becomes U+FFFD.

    The charset is never guessed from the body: that costs more than the check, and guesses wrong.
    """
    return page.body.decode(_charset_of(page.content_type), errors="replace")


@functools.lru_cache(maxsize=1024)
def _charset_of(content_type: str) -> str:
    found = _CHARSET.search(content_type)
    try:
        name = codecs.lookup(found[1]).name if found else "utf-8"
        b"a".decode(name, "replace")  # a LookupError says that it is a codec of something else than text
    except (LookupError, ValueError):
        return "utf-8"
    return "utf-8" if name in _NO_CHARSETS else name
