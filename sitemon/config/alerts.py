"""``alerts.yaml``: channels and routes, with all mistakes at once."""

import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from sitemon.config import locate
from sitemon.config.alert_channels import ChannelReader, url_of
from sitemon.config.complaints import Complaints
from sitemon.config.documents import Document, read_document
from sitemon.config.routes import ALIKE, RouteReader, remind_every_s
from sitemon.config.settings import Settings
from sitemon.config.site_values import Context, labels
from sitemon.config.values import UnfitError, ValuePath, boolean, duration_s, kind_of, region_name, suggestion
from sitemon.config.web import page_url
from sitemon.model.alerts import Alerts, Heartbeat, Route, never_taken
from sitemon.model.errors import ConfigurationError, Mistake

FILE_NAME: Final = "alerts.yaml"

_LEAST_HEARTBEAT_S: Final = 10.0
HEARTBEAT_FIELDS: Final = ("url", "every")
ROUTE_FIELDS: Final = ("match", *ALIKE, "remind_every", "continue")


def load_alerts(environ: Mapping[str, str] = os.environ) -> Alerts:
    """Read ``alerts.yaml`` of ``CONF_DIR``. Without one, nobody is told.

    Raises:
        ConfigurationError: with every mistake in it.

    """
    file = locate.usual_place(FILE_NAME, environ)
    return _Reader(read_document(file), environ).alerts() if file.exists() else Alerts()


def untaken_routes(alerts: Alerts, environ: Mapping[str, str] = os.environ) -> list[Mistake]:
    """Return the routes of the file, which says `alerts`, that no site takes, each with its line."""
    untaken = never_taken(alerts.routes)
    if not untaken:
        return []
    document = read_document(locate.usual_place(FILE_NAME, environ))
    return [
        document.mistake(
            ("routes", place),
            f"never taken: each site that fits it takes routes[{before}] before, which does not continue "
            f"(line {document.line_of(('routes', before))})",
        )
        for place, before in untaken.items()
    ]


class _Reader:
    """Reads the document, and complains of all mistakes in it."""

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self._document = document
        # The operator's own file: any variable may stand in it, but for our own passwords.
        self._context = Context(document.path.absolute().parent, environ, Settings(), {})
        self._complaints = Complaints()

    def alerts(self) -> Alerts:
        """Return what the file says.

        Raises:
            ConfigurationError: with every mistake.

        """
        top = self._complaints.mapping((), self._document.value if self._document.value is not None else {})
        self._complaints.refuse_unknown((), top, ("channels", "routes", "heartbeat", "references"))
        # A name with nothing behind it is as if it were not there.
        said = {field: value for field, value in top.items() if value is not None}
        channels = self._complaints.mapping(("channels",), said.get("channels", {}))
        reader = ChannelReader(self._complaints, self._context)
        found = reader.channels(channels)
        routes = self._routes(said.get("routes", []), {name: reader.lists.get(name, (name,)) for name in channels})
        heartbeat = self._heartbeat(top["heartbeat"]) if "heartbeat" in top else None
        references = self._complaints.mapping(("references",), said.get("references", {}))
        urls = {region: self._references(region, value) for region, value in references.items()}
        if self._complaints.problems:
            raise ConfigurationError([self._document.mistake(*problem) for problem in self._complaints.problems])
        locate.warn_if_exposed(self._document.path)
        told = {one.name: one for one in found}
        return Alerts(
            channels=told,
            routes=tuple(routes),
            heartbeat=heartbeat,
            references=urls,
            page_url=page_url(self._context.environ),
        )

    def _routes(self, listed: object, named: Mapping[str, tuple[str, ...]]) -> list[Route]:
        """Return the routes, to the channels that each name means."""
        if not isinstance(listed, list):
            self._complaints.complain(("routes",), f"expected a list, not {kind_of(listed)}")
            return []

        def channels_of(word: object) -> tuple[str, ...]:
            if not isinstance(word, str) or word not in named:
                raise UnfitError(f"no channel of this name{suggestion(str(word), named)}")
            return named[word]

        reader = RouteReader(self._complaints, channels_of)
        places = ((("routes", place), value) for place, value in enumerate(listed))
        return [self._route(path, value, reader) for path, value in places if self._complaints.is_mapping(value, path)]

    def _route(self, path: ValuePath, fields: Mapping[str, Any], reader: RouteReader) -> Route:
        complaints = self._complaints
        complaints.refuse_unknown(path, fields, ROUTE_FIELDS)
        found = reader.read(path, fields)
        readers: Mapping[str, tuple[str, Callable[[object], Any]]] = {
            "match": ("match", lambda value: labels(value, self._context)),
            "continue": ("goes_on", boolean),
            "remind_every": ("remind_every_s", remind_every_s),
        }
        for field, (attribute, read) in readers.items():
            if field in fields:
                found[attribute] = complaints.read((*path, field), fields[field], read)
        return Route(**found)

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
        self._complaints.read(path, region, region_name)
        if not isinstance(value, list) or not value:
            self._complaints.complain(path, "expected a list of URLs")
            return ()
        found: dict[str, None] = {}
        for place, one in enumerate(value):
            url = self._complaints.read((*path, place), one, self._url)
            if url in found:
                self._complaints.complain((*path, place), "stands twice")
            elif url is not None:
                found[url] = None
        return tuple(found)

    def _url(self, value: object) -> str:
        return url_of(value, self._context)


def _every_s(value: object) -> float:
    found_s = duration_s(value)
    if found_s < _LEAST_HEARTBEAT_S:
        raise UnfitError("expected at least 10s")
    return found_s
