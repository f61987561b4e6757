"""The only home of Apprise: messages to people by mail, chat, SMS and some hundred other services.

Apprise is imported when the first URL of a service is read: most processes never need it. It keeps nothing on disk, and
logs nothing: what it logs may hold the secrets of a URL. We wait for it no longer than we wait for a webhook.
"""

import logging
import math
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from types import ModuleType
from typing import Any, Final, NamedTuple

from sitemon.bounded_answers import bounded

_TALKATIVE: Final = ("apprise", "urllib3", "paho", "slixmpp")
"""Loggers that may write down a service's URL, with the secrets in it."""

_LONGEST_ANSWER_BYTES: Final = 1 << 20

_LATE_ANSWERS: Final = 16
"""So many are kept until their messages are sent again."""

_STATUS: Final = re.compile(r"error=(\d{3})\b")
"""How Apprise's services name the HTTP status of an answer; of what else they say we repeat nothing."""


class Sent(NamedTuple):
    """What became of a message: whether the service took it, its HTTP status if it is known, and what went wrong.

    `may_arrive`: the service is still at it.
    """

    is_delivered: bool
    status: int = 0
    problem: str = ""
    may_arrive: bool = False


def is_service(url: str) -> bool:
    """Whether Apprise knows the service of a URL, and finds in it what that service needs."""
    apprise = _apprise()
    try:
        return apprise.Apprise.instantiate(url, asset=_asset(apprise)) is not None
    except Exception:  # noqa: BLE001 - of each of its services; and the error may hold the URL
        return False


class _Try(NamedTuple):
    """A message under way (its number, subject and body), and what became of it once that is known."""

    message: tuple[str, str, str]
    thread: threading.Thread
    found: list[Sent]


class Service:
    """One service, asked by one thread at a time."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._abandoned: _Try | None = None
        self._late: dict[tuple[str, str, str], Sent] = {}

    def send(self, subject: str, body: str, *, is_bad_news: bool, number: str) -> Sent:
        """Send a message in plain text, cut to what the service takes; wait for twice the timeout at most.

        A service may hang for longer than its sockets do, byte by byte. While it does, nothing more is sent; what it
        said in the end is the answer when the same message is sent again: that of this number, not one of another time
        that says the same.
        """
        message = (number, subject, body)
        before = self._abandoned
        if before is not None and before.thread.is_alive():
            return Sent(is_delivered=False, problem="it still hangs from the last message", may_arrive=True)
        self._abandoned = None
        if before is not None and before.found:
            self._late = dict([*self._late.items(), (before.message, before.found[0])][-_LATE_ANSWERS:])
        late = self._late.pop(message, None)
        if late is not None:
            return late
        last = self._begin(message, is_bad_news=is_bad_news)
        last.thread.join(2 * self._timeout_s)
        if last.thread.is_alive():
            self._abandoned = last
            return Sent(is_delivered=False, problem="no answer in time", may_arrive=True)
        return last.found[0] if last.found else Sent(is_delivered=False, problem="Apprise failed")

    def fits(self, subject: str, body: str) -> bool:
        """Whether the service takes a message whole: in as many characters and lines as it has room for."""
        apprise = _apprise()
        asset = _asset(apprise)
        pieces: list[object] = []

        def keep(**piece: object) -> bool:
            pieces.append(piece)
            return True

        with suppress(Exception):  # as that may hold the URL
            plugin = apprise.Apprise.instantiate(self._url, asset=asset)
            most_lines = plugin.body_max_line_count or math.inf
            if len(body) > plugin.body_maxlen or len([subject, *body.splitlines()]) > most_lines:
                return False
            # How long a body is once it was converted is known to what sends it alone: it may not send.
            plugin.overflow_mode = apprise.OverflowMode.SPLIT
            plugin.send = keep
            apprise.Apprise(plugin, asset=asset).notify(body, title=subject, body_format=apprise.NotifyFormat.TEXT)
        return len(pieces) == 1

    def _begin(self, message: tuple[str, str, str], *, is_bad_news: bool) -> _Try:
        _, subject, body = message
        found: list[Sent] = []

        def send() -> None:
            # What a service raises may hold its URL: it is not shown.
            with suppress(Exception):
                found.append(self._notify(subject, body, is_bad_news=is_bad_news))

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        return _Try(message, thread, found)

    def _notify(self, subject: str, body: str, *, is_bad_news: bool) -> Sent:
        apprise = _apprise()
        asset = _asset(apprise)
        plugin = apprise.Apprise.instantiate(self._url, asset=asset)
        if plugin is None:
            return Sent(is_delivered=False, problem="Apprise does not know this service")
        plugin.socket_connect_timeout = plugin.socket_read_timeout = self._timeout_s
        if "overflow=" not in self._url:
            plugin.overflow_mode = apprise.OverflowMode.TRUNCATE
        kind = apprise.NotifyType.FAILURE if is_bad_news else apprise.NotifyType.SUCCESS
        services = apprise.Apprise(plugin, asset=asset)
        result = services.notify(body, title=subject, notify_type=kind, body_format=apprise.NotifyFormat.TEXT)
        # Not the result's own truth: to Apprise, a service with optional=yes never fails.
        if any(attempt for service in result for attempt in service.attempts):
            return Sent(is_delivered=True)
        statuses = [int(found[1]) for entry in result.logs() if (found := _STATUS.search(entry.message))]
        return Sent(is_delivered=False, status=statuses[-1] if statuses else 0, problem="the service did not take it")


@cache
def _apprise() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import apprise  # noqa: PLC0415 - most processes never need it

        _bound_answers()
        _bound_mail_servers()
        # It reads its two hundred services at the first question, and some of them what Python is about to drop.
        apprise.Apprise.instantiate("json://localhost")
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        # Not above WARNING: from Apprise's warnings, which it hands to us, we take the status.
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
    return apprise


def _bound_answers() -> None:
    """Let Apprise read so much of an answer: `requests`, by which it asks, reads what comes, even without end.

    Of what lies before the body, such as answers that say to wait, so much again.
    """
    from http.client import HTTPResponse  # noqa: PLC0415 - as Apprise itself

    from requests import adapters, sessions  # noqa: PLC0415
    from urllib3.connection import HTTPConnection  # noqa: PLC0415

    class Answer(HTTPResponse):
        def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            self.fp = bounded(self.fp, 2 * _LONGEST_ANSWER_BYTES)

    class Adapter(adapters.HTTPAdapter):
        def build_response(self, req: Any, resp: Any) -> Any:
            resp.stream = partial(_beginning, resp, resp.stream)
            return super().build_response(req, resp)

    HTTPConnection.response_class = Answer
    sessions.HTTPAdapter = Adapter


def _bound_mail_servers() -> None:
    """Let Apprise hear so much of a mail server: `smtplib` gathers the lines of a reply, even without end."""
    import smtplib  # noqa: PLC0415 - as Apprise itself

    reply_of: Final = smtplib.SMTP.getreply

    def getreply(session: Any) -> Any:
        if session.file is None:
            session.file = bounded(session.sock.makefile("rb"), _LONGEST_ANSWER_BYTES)
        return reply_of(session)

    smtplib.SMTP.getreply = getreply  # type: ignore[assignment, method-assign]


def _beginning(answer: Any, stream: Callable[..., Iterator[bytes]], *how: Any, **else_: Any) -> Iterator[bytes]:
    """Give the beginning of an answer's body, and hang up where it is longer."""
    left_bytes = _LONGEST_ANSWER_BYTES
    for piece in stream(*how, **else_):
        yield piece
        left_bytes -= len(piece)
        if left_bytes <= 0:
            answer.close()
            return


def _asset(apprise: ModuleType) -> object:
    return apprise.AppriseAsset(
        app_id="sitemon",
        app_desc="sitemon",
        app_url="",
        async_mode=False,
        secure_logging=True,
        # Whoever receives alerts could have us ask for anything that this machine can reach.
        http_redirects=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        # Threads of ours wait for it: in its own, one service that hangs may hold up another one.
        service_timeout=0,
    )
