"""Judging a response: is it what the site's owner expects? All expectations are looked at, the first decides."""

import io
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sitemon.checks.findings import Failure
from sitemon.checks.http.coding import read_decoded
from sitemon.checks.http.head import as_text
from sitemon.checks.http.page import Page
from sitemon.checks.judge.charset import decoded
from sitemon.checks.judge.excerpt import excerpt
from sitemon.checks.judge.expect_json import misfits
from sitemon.checks.judge.failures import quoted
from sitemon.checks.judge.masked import Mask
from sitemon.model.one_line import shortened
from sitemon.model.outcome import REASONS, Outcome, Reason
from sitemon.model.site import Expect, ExpectedHeader, Site, StatusRange
from sitemon.patterns.regex import compiled, is_found

_FIRST_BYTES: Final = 16 << 10
_HEAD: Final = 1 << 10
"""So far a page's title is looked for; more is read, so that what is shown does not end in the midst of a secret."""
_TITLE: Final = re.compile(r"<title>([^<]{1,200})", re.IGNORECASE)


class Measured(NamedTuple):
    """What is judged beside the page: how long the check took, when, and the first expiry of what was served.

    `cert_url` is the hop whose certificate that is, where there are several.
    """

    checked_at: datetime
    latency_s: float
    cert_expires_at: datetime | None
    cert_url: str | None = None


class Verdict(NamedTuple):
    """What a response means. `failures` are all expectations that were not met, the one that decides first.

    `body_bytes` is the length of the body without its compression, as far as it was read. `is_ours`: it says something
    about us, and nothing about the site. `has_left`: the server or proxy did not wait for the end of the exchange.
    """

    failures: tuple[Failure, ...]
    is_match_found: bool | None
    body_bytes: int = 0
    is_ours: bool = False
    has_left: bool = False

    @property
    def reason(self) -> Reason | None:
        """The reason that decides, None if all is as expected."""
        return self.failures[0].reason if self.failures else None

    @property
    def outcome(self) -> Outcome:
        """The outcome to which the reason belongs."""
        return Outcome.UP if self.reason is None else REASONS[self.reason][0]


def judge(site: Site, page: Page, measured: Measured, mask: Mask) -> Verdict:
    """Compare a response with what is expected of the site, and mask what is shown of it.

    Raises:
        CheckError: it is compressed in a way that cannot be undone, or was cut off.
        zlib.error: the compression is broken.

    """
    expect = site.expect
    body, coding = page.body, page.headers.get("content-encoding")
    if coding is not None and any(body):  # a response without a body may say how the body would be compressed
        body = (read_decoded(io.BytesIO(b"".join(body)).read, coding, site.max_body_bytes),)
    body_bytes = sum(map(len, body))
    text = decoded(b"".join(body), page.headers.get("content-type", "")) if is_text_wanted(site) else ""
    is_match_found = None if site.match is None else is_found(site.match, text)
    failures = (
        *_of_head_and_size(site, page, body, body_bytes, mask),
        *_of_text(site, text, is_match_found, mask, was_cut=body_bytes >= site.max_body_bytes),
        *degradations(expect, measured),
    )
    return Verdict(failures, is_match_found, body_bytes)


def is_text_wanted(site: Site) -> bool:
    """Tell whether the body has to be read as text."""
    return site.match is not None or site.expect.not_match is not None or bool(site.expect.json)


def degradations(expect: Expect, measured: Measured) -> Iterator[Failure]:
    """Yield why a check of any kind is at most degraded."""
    expires_at = measured.cert_expires_at
    if expect.cert_days is not None and expires_at is not None:
        left = expires_at - measured.checked_at
        if left < timedelta(days=expect.cert_days):
            whose = "" if measured.cert_url is None else f"of {shortened(measured.cert_url)} "
            words = f"a certificate {whose}{expiry_words(left)}, expected {_days(expect.cert_days)} or more"
            yield Failure(Reason.CERT_EXPIRING, words)
    if expect.max_latency_s is not None and measured.latency_s > expect.max_latency_s:
        yield Failure(
            Reason.TOO_SLOW, f"it took {measured.latency_s:.3f} s, expected at most {expect.max_latency_s:g} s"
        )


def expiry_words(left: timedelta) -> str:
    """Say when a certificate with so much time left expires, or how long ago it did."""
    days = _days(abs(left).days)
    return f"expired {days} ago" if left <= timedelta() else f"expires in {days}"


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"


def _of_head_and_size(site: Site, page: Page, body: Sequence[bytes], body_bytes: int, mask: Mask) -> Iterator[Failure]:
    expect = site.expect
    if not any(codes.first <= page.http_code <= codes.last for codes in expect.status):
        status = f"HTTP status {page.http_code}, expected {_listed(expect.status)}"
        yield Failure(Reason.HTTP_STATUS, status, _beginning(body, page, mask) if any(body) else None)
    for expected in expect.headers:
        raw = page.headers.get(expected.name.lower())
        value = None if raw is None else as_text(raw)
        words = _misfit_of_header(expected, value)
        if words:
            yield Failure(Reason.NO_MATCH, mask.masked(words), None if value is None else excerpt(mask, value))
    if expect.body_size_bytes is not None and body_bytes > expect.body_size_bytes:
        yield Failure(Reason.TOO_LARGE, f"the body is longer than {expect.body_size_bytes} bytes")


def _beginning(body: Sequence[bytes], page: Page, mask: Mask) -> str:
    """Return the title of a page, or how it begins."""
    first = bytearray()
    for piece in body:
        first += piece[:_FIRST_BYTES]
        if len(first) >= _FIRST_BYTES:
            break
    text = decoded(bytes(first[:_FIRST_BYTES]), page.headers.get("content-type", ""))
    title = _TITLE.search(text, 0, _HEAD)
    return excerpt(mask, text, *(title.span(1) if title else (0, _HEAD)))


def _of_text(site: Site, text: str, is_match_found: bool | None, mask: Mask, *, was_cut: bool) -> Iterator[Failure]:
    expect = site.expect
    if is_match_found is False:
        words = f"the response does not match the regex {quoted(site.match or '')}"
        yield Failure(Reason.NO_MATCH, mask.masked(words), excerpt(mask, text))
    if expect.not_match is not None and (found := compiled(expect.not_match).search(text)):
        words = f"the response matches the regex {quoted(expect.not_match)}, which it must not"
        yield Failure(Reason.FORBIDDEN_MATCH, mask.masked(words), excerpt(mask, text, *found.span()))
    if expect.json:
        for words, value in misfits(expect.json, text, was_cut=was_cut):
            yield Failure(Reason.NO_MATCH, mask.masked(words), None if value is None else excerpt(mask, value))


def _listed(status: tuple[StatusRange, ...]) -> str:
    return ", ".join(
        str(codes.first) if codes.first == codes.last else f"{codes.first}-{codes.last}" for codes in status
    )


def _misfit_of_header(expected: ExpectedHeader, value: str | None) -> str | None:
    if expected.exists is False:
        return None if value is None else f"the header {expected.name} is there"
    if value is None:
        return f"the header {expected.name} is missing"
    if expected.equals is not None and value != expected.equals:
        return f"the header {expected.name} is not what was expected"
    if expected.matches is not None and not is_found(expected.matches, value):
        return f"the header {expected.name} does not match the regex {quoted(expected.matches)}"
    return None
