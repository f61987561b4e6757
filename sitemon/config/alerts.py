"""``alerts.yaml``: channels and routes, with all mistakes at once."""

import os
from collections.abc import Mapping
from typing import Any, Final

from sitemon.config import locate
from sitemon.config.alert_channels import ChannelReader, url_of
from sitemon.config.complaints import Complaints
from sitemon.config.documents import Document, read_document
from sitemon.config.settings import Settings
from sitemon.config.site_alerts import ESCALATION_FIELDS, after_s, group_for_s, remind_every_s
from sitemon.config.site_values import Context, labels
from sitemon.config.values import UnfitError, ValuePath, boolean, duration_s, kind_of
from sitemon.config.web import page_url
from sitemon.model.alerts import ASKED_FOR, EVENTS, Alerts, Escalation, Heartbeat, Route
from sitemon.model.errors import ConfigurationError

FILE_NAME: Final = "alerts.yaml"

_LEAST_HEARTBEAT_S: Final = 10.0
HEARTBEAT_FIELDS: Final = ("url", "every")
ROUTE_FIELDS: Final = ("match", "channels", "events", "group_for", "remind_every", "escalate", "continue")


def load_alerts(environ: Mapping[str, str] = os.environ) -> Alerts:
    """Read ``alerts.yaml`` of ``CONF_DIR``. Without one, nobody is told.

    Raises:
        ConfigurationError: with every mistake in it.

    """
    file = locate.usual_place(FILE_NAME, environ)
    return _Reader(read_document(file), environ).alerts() if file.exists() else Alerts()


class _Reader:
    """Reads the document, and complains of all mistakes in it."""

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self._document = document
        # The operator's own file: any variable may stand in it, but for our own passwords.
        self._context = Context(document.path.absolute().parent, environ, Settings(), set())
        self._complaints = Complaints(document)

    def alerts(self) -> Alerts:
        """Return what the file says.

        Raises:
            ConfigurationError: with every mistake.

        """
        top = self._complaints.mapping((), self._document.value if self._document.value is not None else {})
        self._complaints.refuse_unknown((), top, ("channels", "routes", "heartbeat", "references"))
        channels = self._complaints.mapping(("channels",), top.get("channels") or {})
        reader = ChannelReader(self._complaints, self._context)
        found = reader.channels(channels)
        listed = top.get("routes") or []
        if not isinstance(listed, list):
            self._complaints.complain(("routes",), f"expected a list, not {kind_of(listed)}")
            listed = []
        names = {name: reader.lists.get(name, (name,)) for name in channels}
        routes = [self._route(place, value, names) for place, value in enumerate(listed)]
        heartbeat = self._heartbeat(top["heartbeat"]) if "heartbeat" in top else None
        references = self._complaints.mapping(("references",), top.get("references") or {})
        urls = {region: self._references(region, value) for region, value in references.items()}
        if self._complaints.mistakes:
            raise ConfigurationError(self._complaints.mistakes)
        locate.warn_if_exposed(self._document.path)
        told = {one.name: one for one in found}
        return Alerts(
            channels=told,
            routes=tuple(route for route in routes if route),
            heartbeat=heartbeat,
            references=urls,
            page_url=page_url(self._context.environ),
        )

    def _route(self, place: int, value: object, names: Mapping[str, tuple[str, ...]]) -> Route | None:
        path: ValuePath = ("routes", place)
        complaints = self._complaints
        if not complaints.is_mapping(value, path):
            return None
        fields: dict[str, Any] = value
        complaints.refuse_unknown(path, fields, ROUTE_FIELDS)
        if "channels" not in fields:
            complaints.complain(path, "channels: missing")
        channels = self._channels((*path, "channels"), fields.get("channels", []), names)
        events = complaints.words((*path, "events"), fields.get("events", [*EVENTS]), (*EVENTS, *ASKED_FOR), "event")
        match = complaints.read((*path, "match"), fields.get("match", {}), lambda found: labels(found, self._context))
        goes_on = complaints.read((*path, "continue"), fields.get("continue", False), boolean)
        every_s = complaints.read((*path, "remind_every"), fields.get("remind_every", 3600), remind_every_s)
        wait_s = complaints.read((*path, "group_for"), fields.get("group_for", 10), group_for_s)
        return Route(
            match=match or {},
            channels=channels,
            events=events,
            group_for_s=wait_s or 0.0,
            remind_every_s=every_s or 0.0,
            escalate=self._escalations((*path, "escalate"), fields.get("escalate", []), names, channels),
            goes_on=bool(goes_on),
        )

    def _heartbeat(self, value: object) -> Heartbeat | None:
        path: ValuePath = ("heartbeat",)
        complaints = self._complaints
        if not complaints.is_mapping(value, path):
            return None
        complaints.refuse_unknown(path, value, HEARTBEAT_FIELDS)
        every_s = complaints.read((*path, "every"), value.get("every", 60), _every_s)
        if "url" not in value:
            complaints.complain(path, "url: missing")
            return None
        url = complaints.read((*path, "url"), value["url"], self._url)
        return Heartbeat(url, every_s) if url and every_s else None

    def _references(self, region: str, value: object) -> tuple[str, ...]:
        path: ValuePath = ("references", region)
        if not isinstance(value, list) or not value:
            self._complaints.complain(path, "expected a list of URLs")
            return ()
        return tuple(str(self._complaints.read((*path, place), url, self._url)) for place, url in enumerate(value))

    def _url(self, value: object) -> str:
        return url_of(value, self._context)

    def _escalations(
        self, path: ValuePath, value: object, names: Mapping[str, tuple[str, ...]], told: tuple[str, ...]
    ) -> tuple[Escalation, ...]:
        complaints = self._complaints
        if not isinstance(value, list):
            complaints.complain(
                path, f"expected a list such as [{{after: 15m, channels: [hook]}}], not {kind_of(value)}"
            )
            return ()
        return tuple(
            step for place, one in enumerate(value) if (step := self._escalation((*path, place), one, names, told))
        )

    def _escalation(
        self, path: ValuePath, value: object, names: Mapping[str, tuple[str, ...]], told: tuple[str, ...]
    ) -> Escalation | None:
        complaints = self._complaints
        if not complaints.is_mapping(value, path):
            return None
        complaints.refuse_unknown(path, value, ESCALATION_FIELDS)
        for field in ESCALATION_FIELDS:
            if field not in value:
                complaints.complain(path, f"{field}: missing")
        waits_s = complaints.read((*path, "after"), value.get("after", 60), after_s)
        channels = self._channels((*path, "channels"), value.get("channels", []), names)
        for name in set(channels) & set(told):
            complaints.complain((*path, "channels"), f"{name} is told from the start")
        return Escalation(waits_s or 0.0, channels)

    def _channels(self, path: ValuePath, value: object, names: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Return the channels that a route names, each service of a list by itself."""
        words = self._complaints.words(path, value, names, "channel")
        return tuple(name for word in words for name in names.get(word, ()))


def _every_s(value: object) -> float:
    found_s = duration_s(value)
    if found_s < _LEAST_HEARTBEAT_S:
        raise UnfitError("expected at least 10s")
    return found_s
