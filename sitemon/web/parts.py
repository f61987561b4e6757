"""Markup that pages share. A table asks for it a hundred times, and a macro would take ten times as long."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from markupsafe import Markup, escape

from sitemon.model.one_line import one_line

_DRAWN: Final = frozenset({"up", "degraded", "down", "maintenance"})


@lru_cache(maxsize=16)
def icon(state: str) -> Markup:
    """Return the sign of a state."""
    drawn = state if state in _DRAWN else "unknown"
    return Markup('<svg class="icon icon-{}" aria-hidden="true"><use href="#{}"/></svg>').format(state, drawn)


@lru_cache(maxsize=16)
def state(word: str) -> Markup:
    """Return a state or an outcome with its sign."""
    return Markup('<span class="state state-{}">{} {}</span>').format(word, icon(word), word)


def moment(at: datetime) -> Markup:
    """Return a moment, to the second."""
    return _time(at, 19)


def minute(at: datetime) -> Markup:
    """Return a moment, to the minute."""
    return _time(at, 16)


def _time(at: datetime, length: int) -> Markup:
    exact = at.astimezone(UTC).isoformat(timespec="microseconds")[:26]
    return Markup(f'<time datetime="{exact}Z">{exact[:10]} {exact[11:length]}</time>')  # noqa: S704  # has no text of others


def why(reason: str | None, http_code: int | None) -> Markup:
    """Return why something is not up, as far as that is known."""
    return escape(" ".join(str(word) for word in (reason, http_code) if word))


@lru_cache(maxsize=1_024)
def site_link(name: str) -> Markup:
    """Return a link to a site's page."""
    return Markup('<a href="/sites/{}">{}</a>').format(quote(name), one_line(name))


def old(since: datetime | None, what: str) -> Markup:
    """Return what is said of that which cannot be read anew; nothing where all is new."""
    if since is None:
        return Markup("")
    return Markup(
        '<p class="banner">{} <span><strong>{} as of {} UTC.</strong> Nothing newer can be read now; it comes by '
        "itself.</span></p>"
    ).format(icon("unknown"), what, moment(since))


def made_up(until_at: datetime | None) -> Markup:
    """Return what a demo says of a past that never was; nothing where there is none."""
    if until_at is None:
        return Markup("")
    return Markup(
        '<p class="note"><strong>A demo.</strong> What lies before {} UTC is made up, so that there is a past to look '
        "at; all since then is measured.</p>"
    ).format(moment(until_at))
