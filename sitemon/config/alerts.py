"""``alerts.yaml``: channels and routes, with all mistakes at once."""

import base64
import binascii
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeGuard
from urllib.parse import urlsplit

from sitemon.config import locate
from sitemon.config.documents import Document, read_document
from sitemon.config.settings import Settings
from sitemon.config.site_values import Context, filled, labels
from sitemon.config.values import UnfitError, ValuePath, boolean, duration_s, kind_of, suggestion, text
from sitemon.model.alerts import EVENTS, Alerts, Channel, Heartbeat, Route
from sitemon.model.errors import ConfigurationError, Mistake

FILE_NAME: Final = "alerts.yaml"

_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the specification's mark of a secret
_LATER: Final[Mapping[str, tuple[str, ...]]] = {
    "": (),
    "references": (),
    "channels": ("apprise", "timezone"),
    "heartbeat": (),
    "routes": ("group_for", "escalate"),
    "events": ("certificate", "degraded"),
}
"""What is known and not supported yet, by where it stands."""

_LEAST_REMINDER_S: Final = 300.0
_LEAST_HEARTBEAT_S: Final = 10.0
KINDS: Final = ("webhook", "alertmanager")
CHANNEL_FIELDS: Final = (*KINDS, "secret")
HEARTBEAT_FIELDS: Final = ("url", "every")
ROUTE_FIELDS: Final = ("match", "channels", "events", "remind_every", "continue")


def load_alerts(environ: Mapping[str, str] = os.environ) -> Alerts:
    """Read ``alerts.yaml`` of ``CONF_DIR``. Without one, nobody is told.

    Raises:
        ConfigurationError: with every mistake in it.

    """
    file = locate.usual_place(FILE_NAME, environ)
    return _Reader(read_document(file), environ).alerts() if file.exists() else Alerts()


class _Reader:
    """The mistakes found so far, each with its place."""

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self._document = document
        # The operator's own file: any variable may stand in it, but for our own passwords.
        self._context = Context(document.path.absolute().parent, environ, Settings(), set())
        self._mistakes: list[Mistake] = []

    def alerts(self) -> Alerts:
        """Return what the file says.

        Raises:
            ConfigurationError: with every mistake.

        """
        top = self._mapping((), self._document.value if self._document.value is not None else {})
        self._refuse_unknown((), top, ("channels", "routes", "heartbeat", "references"), "")
        channels = self._mapping(("channels",), top.get("channels") or {})
        found = {name: self._channel(name, value) for name, value in channels.items()}
        listed = top.get("routes") or []
        if not isinstance(listed, list):
            self._complain(("routes",), f"expected a list, not {kind_of(listed)}")
            listed = []
        routes = [self._route(place, value, channels) for place, value in enumerate(listed)]
        heartbeat = self._heartbeat(top["heartbeat"]) if "heartbeat" in top else None
        references = self._mapping(("references",), top.get("references") or {})
        urls = {region: self._references(region, value) for region, value in references.items()}
        if self._mistakes:
            raise ConfigurationError(self._mistakes)
        locate.warn_if_exposed(self._document.path)
        told = {name: one for name, one in found.items() if one}
        return Alerts(channels=told, routes=tuple(r for r in routes if r), heartbeat=heartbeat, references=urls)

    def _channel(self, name: str, value: object) -> Channel | None:
        path: ValuePath = ("channels", name)
        if not self._is_mapping(value, path):
            return None
        fields: dict[str, Any] = value
        self._refuse_unknown(path, fields, CHANNEL_FIELDS, "channels")
        kinds = [kind for kind in KINDS if kind in fields]
        if len(kinds) != 1:
            if not any(later in fields for later in _LATER["channels"]):
                self._complain(path, f"expected one of {' and '.join(KINDS)}")
            return None
        (kind,) = kinds
        url = self._read((*path, kind), fields[kind], self._url)
        secret = b""
        if kind == "webhook" and "secret" not in fields:
            self._complain(path, "secret: missing; a webhook is signed with it")
        elif "secret" in fields and kind != "webhook":
            self._complain((*path, "secret"), "means nothing to alertmanager")
        elif "secret" in fields:
            secret = self._read((*path, "secret"), fields["secret"], self._secret) or b""
        return Channel(name=name, kind=kind, url=url, secret=secret) if url else None

    def _route(self, place: int, value: object, channels: Mapping[str, object]) -> Route | None:
        path: ValuePath = ("routes", place)
        if not self._is_mapping(value, path):
            return None
        fields: dict[str, Any] = value
        self._refuse_unknown(path, fields, ROUTE_FIELDS, "routes")
        if "channels" not in fields:
            self._complain(path, "channels: missing")
        names = self._words((*path, "channels"), fields.get("channels", []), channels, "channel", ())
        events = self._words((*path, "events"), fields.get("events", [*EVENTS]), EVENTS, "event", _LATER["events"])
        match = self._read((*path, "match"), fields.get("match", {}), lambda found: labels(found, self._context))
        goes_on = self._read((*path, "continue"), fields.get("continue", False), boolean)
        every_s = self._read((*path, "remind_every"), fields.get("remind_every", 3600), _remind_every_s)
        return Route(
            match=match or {}, channels=names, events=events, remind_every_s=every_s or 0.0, goes_on=bool(goes_on)
        )

    def _heartbeat(self, value: object) -> Heartbeat | None:
        path: ValuePath = ("heartbeat",)
        if not self._is_mapping(value, path):
            return None
        self._refuse_unknown(path, value, HEARTBEAT_FIELDS, "heartbeat")
        every_s = self._read((*path, "every"), value.get("every", 60), _every_s)
        if "url" not in value:
            self._complain(path, "url: missing")
            return None
        url = self._read((*path, "url"), value["url"], self._url)
        return Heartbeat(url, every_s) if url and every_s else None

    def _references(self, region: str, value: object) -> tuple[str, ...]:
        path: ValuePath = ("references", region)
        if not isinstance(value, list) or not value:
            self._complain(path, "expected a list of URLs")
            return ()
        return tuple(str(self._read((*path, place), url, self._url)) for place, url in enumerate(value))

    def _words(
        self, path: ValuePath, value: object, known: Iterable[str], noun: str, later: tuple[str, ...]
    ) -> tuple[str, ...]:
        if not isinstance(value, list):
            self._complain(path, f"expected a list, not {kind_of(value)}")
            return ()
        for place, word in enumerate(value):
            if word in later:
                self._complain((*path, place), "not supported yet")
            elif word not in known:
                self._complain((*path, place), f"no {noun} of this name{suggestion(str(word), known)}")
        return tuple(map(str, value))

    def _url(self, value: object) -> str:
        found, _ = filled(text(value), self._context)
        try:
            parts = urlsplit(found)
            is_fit = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_fit = False
        if not is_fit or "@" in parts.netloc or not (found.isascii() and found.isprintable() and " " not in found):
            raise UnfitError("expected a URL such as https://hooks.example/sitemon, without a password")
        return found

    def _secret(self, value: object) -> bytes:
        found, _ = filled(text(value), self._context)
        try:
            key = base64.b64decode(found.removeprefix(_SECRET_PREFIX), validate=True)
        except binascii.Error:
            key = b""
        if not found.startswith(_SECRET_PREFIX) or not 24 <= len(key) <= 64:
            raise UnfitError(f"expected {_SECRET_PREFIX} and 24 to 64 bytes in base64")
        return key

    def _read(self, path: ValuePath, value: object, read: Callable[[object], Any]) -> Any:
        try:
            return read(value)
        except UnfitError as exc:
            self._complain((*path, *exc.path), exc.problem)
            return None

    def _mapping(self, path: ValuePath, value: object) -> dict[str, Any]:
        return value if self._is_mapping(value, path) else {}

    def _is_mapping(self, value: object, path: ValuePath) -> TypeGuard[dict[str, Any]]:
        if isinstance(value, dict) and all(isinstance(name, str) for name in value):
            return True
        self._complain(path, f"expected a mapping of names, not {kind_of(value)}")
        return False

    def _refuse_unknown(self, path: ValuePath, fields: Mapping[str, Any], known: tuple[str, ...], group: str) -> None:
        for name in fields:
            if name in _LATER[group]:
                self._complain((*path, name), "not supported yet")
            elif name not in known:
                self._complain((*path, name), f"unknown field{suggestion(name, known)}")

    def _complain(self, path: ValuePath, problem: str) -> None:
        self._mistakes.append(self._document.mistake(path, problem))


def _every_s(value: object) -> float:
    found_s = duration_s(value)
    if found_s < _LEAST_HEARTBEAT_S:
        raise UnfitError("expected at least 10s")
    return found_s


def _remind_every_s(value: object) -> float:
    found_s = duration_s(value)
    if 0 < found_s < _LEAST_REMINDER_S:
        raise UnfitError("expected 0 for never, or at least 5m")
    return found_s
