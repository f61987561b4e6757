"""The channels of ``alerts.yaml``: one reader for each kind."""

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from sitemon.apprise_services import Service, is_service
from sitemon.config.complaints import Complaints
from sitemon.config.site_urls import is_host
from sitemon.config.site_values import Context, filled, name
from sitemon.config.values import UnfitError, ValuePath, text
from sitemon.model.alerts import Channel
from sitemon.patterns.time_zones import time_zone

_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the specification's mark of a secret
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "webhook": ("secret",),
    "alertmanager": (),
    "apprise": ("timezone",),
}
"""The kinds of channels, and what further fields each has."""

KINDS: Final = tuple(_FIELDS)
CHANNEL_FIELDS: Final = (*_FIELDS, "secret", "timezone")


class ChannelReader:
    """Reads channels; `lists` are those that lead to several services, each of which is a channel of its own."""

    def __init__(self, complaints: Complaints, context: Context) -> None:
        self._complaints = complaints
        self._context = context
        self.lists: dict[str, tuple[str, ...]] = {}

    def channels(self, found: Mapping[str, object]) -> list[Channel]:
        """Return the channels of a mapping of names to them."""
        return [channel for name_, value in found.items() for channel in self._channels(name_, value)]

    def _channels(self, name_: str, value: object) -> list[Channel]:
        path: ValuePath = ("channels", name_)
        self._complaints.read(path, name_, lambda found: name(found, self._context))
        if not self._complaints.is_mapping(value, path):
            return []
        self._complaints.refuse_unknown(path, value, CHANNEL_FIELDS)
        kinds = [kind for kind in _FIELDS if kind in value]
        if len(kinds) != 1:
            self._complaints.complain(path, f"expected one of {', '.join(_FIELDS)}")
            return []
        (kind,) = kinds
        for field in value:
            if field in CHANNEL_FIELDS and field not in {kind, *_FIELDS[kind]}:
                self._complaints.complain((*path, field), f"means nothing to {kind}")
        readers: Mapping[str, Callable[[ValuePath, dict[str, Any]], list[Channel]]] = {
            "webhook": self._webhook,
            "alertmanager": self._alertmanager,
            "apprise": self._apprise,
        }
        return readers[kind](path, value)

    def _webhook(self, path: ValuePath, fields: dict[str, Any]) -> list[Channel]:
        url = self._complaints.read((*path, "webhook"), fields["webhook"], self._url)
        if "secret" not in fields:
            self._complaints.complain(path, "secret: missing; a webhook is signed with it")
            return []
        secret = self._complaints.read((*path, "secret"), fields["secret"], self._secret)
        return [Channel(name=str(path[-1]), kind="webhook", url=url, secret=secret)] if url and secret else []

    def _alertmanager(self, path: ValuePath, fields: dict[str, Any]) -> list[Channel]:
        url = self._complaints.read((*path, "alertmanager"), fields["alertmanager"], self._url)
        return [Channel(name=str(path[-1]), kind="alertmanager", url=url)] if url else []

    def _apprise(self, path: ValuePath, fields: dict[str, Any]) -> list[Channel]:
        zone = ""
        if "timezone" in fields:
            zone = self._complaints.read((*path, "timezone"), fields["timezone"], _timezone)
        given = fields["apprise"]
        several = given if isinstance(given, list) else [given]
        if not several:
            self._complaints.complain((*path, "apprise"), "expected a URL of Apprise, or a list of them")
        urls = [
            self._complaints.read((*path, "apprise", *([place] if given is several else [])), one, self._service)
            for place, one in enumerate(several)
        ]
        names = [str(path[-1]), *(f"{path[-1]}/{number}" for number in range(2, len(urls) + 1))][: len(urls)]
        self.lists[str(path[-1])] = tuple(names)
        return [
            Channel(name=one, kind="apprise", url=url, timezone=zone or "")
            for one, url in zip(names, urls, strict=True)
            if url
        ]

    def _service(self, value: object) -> str:
        found, _ = filled(text(value), self._context)
        if not is_service(found):
            raise UnfitError("expected a URL of a service that Apprise knows, with all that it needs: mailto://…")
        if not Service(found, 0.0).fits("Subject", "One line."):
            raise UnfitError("expected a URL that names a receiver, and no format= in which Apprise cuts each line")
        return found

    def _url(self, value: object) -> str:
        return url_of(value, self._context)

    def _secret(self, value: object) -> bytes:
        found, _ = filled(text(value), self._context)
        try:
            key = base64.b64decode(found.removeprefix(_SECRET_PREFIX), validate=True)
        except ValueError:  # binascii.Error, and what base64 says of text that is not ASCII
            key = b""
        if not found.startswith(_SECRET_PREFIX) or not 24 <= len(key) <= 64:
            raise UnfitError(f"expected {_SECRET_PREFIX} and 24 to 64 bytes in base64")
        return key


def url_of(value: object, context: Context) -> str:
    """Return where something is sent, with secrets filled in. Raises UnfitError."""
    found, _ = filled(text(value), context)
    try:
        parts = urlsplit(found)
        is_fit = parts.scheme in {"http", "https"} and is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        is_fit = False
    if not is_fit or "@" in parts.netloc or not (found.isascii() and found.isprintable() and " " not in found):
        raise UnfitError("expected a URL such as https://hooks.example/sitemon, without a password")
    return found


def _timezone(value: object) -> str:
    found = text(value)
    try:
        return time_zone(found).key
    except ValueError as exc:
        raise UnfitError(str(exc)) from exc
