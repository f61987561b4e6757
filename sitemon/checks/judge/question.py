"""What is to be judged, and whether that may take long. Pure."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from sitemon.checks.http.page import Page
from sitemon.checks.judge.charset import charset_of
from sitemon.checks.judge.expect import Measured, Verdict, is_text_wanted, judge
from sitemon.checks.judge.masked import Mask, is_light_to_mask
from sitemon.checks.judge.observed import broken_off
from sitemon.model.site import Site
from sitemon.patterns.json_path import looks_once
from sitemon.patterns.regex import work

_LIGHT_BYTES: Final = 64 << 10
"""To decode so much of any charset takes some 10 ms."""
_LIGHT_WORK: Final = 4 * _LIGHT_BYTES
"""To search for regexes takes some 7 ms then. Most are plain, and one for each byte."""
_LIGHT_VALUES: Final = 1_000
"""To come to so many values by a JSON path takes some 10 ms."""
_BEFORE_VALUES: Final = (b",", b"[", b"{")
"""Each value of a JSON document but the outermost follows one of these."""


class Question(NamedTuple):
    """A response, and the site to which it belongs."""

    site: Site
    page: Page
    measured: Measured


def verdict_at_once(question: Question) -> Verdict | None:
    """Return what the response means, None if that may take long, or turns out to: then it is to be judged apart.

    Raises:
        MemoryError: there is too little memory for it.

    """
    if not is_light(question):
        return None
    mask = Mask(question.site, at_once=True)
    verdict = _verdict_on(question, mask)
    return None if mask.is_over else verdict


def verdict_on(question: Question) -> Verdict:
    """Return what the response means, however long that takes; nothing is shown of what takes very long to mask.

    Raises:
        MemoryError: there is too little memory for it.

    """
    return _verdict_on(question, Mask(question.site, at_once=False))


def _verdict_on(question: Question, mask: Mask) -> Verdict:
    """Return what the response means; one that cannot be read is a finding about its server."""
    try:
        return judge(*question, mask)
    except MemoryError:
        raise
    except Exception as exc:  # noqa: BLE001 - see above
        return broken_off(exc, "download", question.site)


def is_light(question: Question) -> bool:
    """Tell whether judging takes some 10 ms at most, but for the masking, whatever server or owner thought up."""
    site, page, _ = question
    body_bytes = sum(map(len, page.body))
    if not is_light_to_mask(site):
        return False
    to_search = sum(work(regex, text_bytes) for regex, text_bytes in _searches(site, page, body_bytes))
    if to_search > _LIGHT_WORK or (body_bytes and "content-encoding" in page.headers):
        return False
    if not body_bytes or not is_text_wanted(site):
        return True
    if body_bytes > _LIGHT_BYTES:
        return False
    paths = site.expect.json
    if not paths:
        return True
    # In another charset a comma may be another byte. JSON is in UTF-8: RFC 8259, 8.1.
    is_utf_8 = charset_of(page.headers.get("content-type", "")) == "utf-8"
    values = sum(piece.count(sign) for piece in page.body for sign in _BEFORE_VALUES)
    return is_utf_8 and values * len(paths) <= _LIGHT_VALUES and all(looks_once(one.path) for one in paths)


def _searches(site: Site, page: Page, body_bytes: int) -> Iterator[tuple[str, int]]:
    """Yield each regex with about how long the text is that it is searched for in."""
    expect = site.expect
    for header in expect.headers:
        if header.matches is not None:
            yield header.matches, len(page.headers.get(header.name.lower(), ""))
    for regex in (site.match, expect.not_match, *(one.matches for one in expect.json)):
        if regex is not None:
            yield regex, body_bytes
