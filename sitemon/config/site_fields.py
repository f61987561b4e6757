"""The fields of a site: which there are, and how those of a file come together as a `Site`.

A field may be nested (``expect.status``); what is read is flat, so that the defaults of a file and the fields of a
site merge field by field. Headers and labels merge by their names.
"""

import marshal
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from sitemon.config import routes, site_alerts, site_expect, site_maintenance, site_requests, site_urls, site_values
from sitemon.config.site_values import Context
from sitemon.config.values import Problem, UnfitError, ValuePath, boolean, integer, kind_of, one_of, suggestion
from sitemon.model.site import Expect, Header, Site, Tls
from sitemon.model.target import scheme_of

LONGEST_BODY_BYTES: Final = 64 << 20
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class _Field(NamedTuple):
    attribute: str
    read: Callable[[Any, Context], Any]


class _Reading(NamedTuple):
    values: dict[str, Any]
    problems: list[Problem]


def _plain(read: Callable[[object], Any]) -> Callable[[Any, Context], Any]:
    return lambda value, _: read(value)


_OWN: Final = {"name": site_values.name, "url": site_urls.url}
"""The fields that no two sites share, and that have no default."""

SHARED: Final[Mapping[str, _Field | Mapping[str, _Field]]] = {
    "interval": _Field("interval_ms", site_values.interval_ms),
    "timeout": _Field("timeout_s", site_values.timeout_s),
    "match": _Field("match", site_values.regex),
    "method": _Field("method", _plain(one_of(*METHODS))),
    "headers": _Field("headers", site_values.headers),
    "body": _Field("body", site_requests.body),
    "auth": _Field("auth", site_requests.auth),
    "follow_redirects": _Field("follow_redirects", _plain(boolean)),
    "max_redirects": _Field("max_redirects", _plain(integer(0, 50))),
    "max_body": _Field("max_body_bytes", site_values.size(1, LONGEST_BODY_BYTES)),
    "ip_version": _Field("ip_version", site_requests.ip_version),
    "proxy": _Field("proxy", site_requests.proxy),
    "tls": {
        "verify": _Field("verify", _plain(boolean)),
        "ca_file": _Field("ca_file", site_values.ca_file),
        "cert_file": _Field("cert_file", site_values.own_file),
        "key_file": _Field("key_file", site_values.own_file),
        "server_name": _Field("server_name", site_requests.server_name),
    },
    "expect": {
        "status": _Field("status", site_values.status),
        "match": _Field("match", site_values.regex),
        "not_match": _Field("not_match", site_values.regex),
        "headers": _Field("expected_headers", site_expect.headers),
        "json": _Field("json", site_expect.json),
        "body_size": _Field("body_size_bytes", site_values.size(0, LONGEST_BODY_BYTES)),
        "records": _Field("records", site_expect.records),
        "max_latency": _Field("max_latency_s", site_expect.max_latency_s),
        "cert_days": _Field("cert_days", _plain(integer(1, 3650))),
    },
    "regions": _Field("regions", site_values.regions),
    "labels": _Field("labels", site_values.labels),
    "enabled": _Field("enabled", _plain(boolean)),
    "down_after": _Field("down_after", _plain(integer(1, 100))),
    "up_after": _Field("up_after", _plain(integer(1, 100))),
    "maintenance": _Field("maintenance", site_maintenance.maintenance),
    "depends_on": _Field("depends_on", site_maintenance.depends_on),
    "confirm": _Field("confirm", _plain(boolean)),
    "remind_every": _Field("remind_every_s", _plain(routes.remind_every_s)),
    "alerts": _Field("alerts", site_alerts.alerts),
    "slo": _Field("slo", site_values.slo),
}
"""Every other accepted field; a mapping stands for the fields inside it."""

_LONGEST_BYTES: Final = 64 << 10
_TOO_LONG: Final = f"expected at most {_LONGEST_BYTES >> 10} KiB in all, but for its body"
"""Each check reads all of a site, on the thread of all checks."""
_MOST_VALUES: Final = 1_000
_TOO_MUCH: Final = f"expected at most {_MOST_VALUES:,} values in all, but for its body"
"""What each check or alert does for each value of a list, all sites with the same defaults do."""
_MOST_FIELDS: Final = 100
_TOO_MANY: Final = f"expected at most {_MOST_FIELDS} fields"

_MOST_TOGETHER: Final = 1_000
"""How many sets of fields are kept whole: sites that have one each would fill the memory."""


class FieldReader:
    """Reads the sites of one file. What many of them share, which is most, is read once, all of it at once.

    This is most of the cost of loading 100,000 sites, hence few calls for what is known.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self._together: dict[bytes | str, _Reading] = {}
        self._known: dict[tuple[object, bytes | str], _Reading] = {}

    def read(self, mapping: Mapping[str, object]) -> tuple[dict[str, Any], list[Problem]]:
        """Read a site's mapping, or that of ``defaults``, into flat values and problems with their paths."""
        shared = dict(mapping)
        own = [(name, shared.pop(name)) for name in _OWN if name in shared]
        key = _key_of(shared)
        reading = self._together.get(key)
        if reading is None:
            reading = self._read_shared(shared)
            if len(self._together) < _MOST_TOGETHER:
                self._together[key] = reading
        values, problems = reading.values.copy(), reading.problems.copy()
        for name, value in own:
            try:
                values[name] = _OWN[name](value, self.context)
            except UnfitError as exc:
                problems.append(((name,), exc.problem))
        if "url" in values:
            unfit = site_urls.unfit(values["url"], values)
            if unfit:
                problems += [(path, f"means nothing to {scheme_of(values['url'])}://") for _, path in unfit]
        return values, problems

    def _read_shared(self, shared: Mapping[str, object]) -> _Reading:
        if len(shared) > _MOST_FIELDS:
            return _Reading({}, [((), _TOO_MANY)])
        without_body = {**shared, "body": None}
        if len(_key_of(without_body)) > _LONGEST_BYTES:
            return _Reading({}, [((), _TOO_LONG)])
        if _count(without_body) > _MOST_VALUES:
            return _Reading({}, [((), _TOO_MUCH)])
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        for name, value in shared.items():
            key = (name, _key_of(value))
            reading = self._known.get(key)
            if reading is None:
                reading = self._known[key] = _read(name, value, SHARED, (), self.context)
            values.update(reading.values)
            problems += reading.problems
        expect = shared.get("expect")
        if "match" in shared and isinstance(expect, dict) and "match" in expect:
            problems.append((("expect", "match"), "stands twice, beside expect and under it"))
        if "auth" in shared and "authorization" in values.get("headers", ()):
            problems.append((("auth",), "stands twice, here and as the header Authorization"))
        return _Reading(values, problems)


def _count(value: object) -> int:
    """Return how many values there are in one, lists and mappings not counted; none is deeper than YAML's bound."""
    if isinstance(value, dict):
        return sum(map(_count, value.values()))
    return sum(map(_count, value)) if isinstance(value, list) else 1


def _key_of(value: object) -> bytes | str:
    """Return what only the same value of the same types has; `marshal` takes a fifth of the time of `repr`."""
    try:
        # Version 2: the later ones write the same value in several ways.
        return marshal.dumps(value, 2)  # type: ignore[arg-type]  # it says itself of what it cannot take
    except ValueError:  # dates of YAML, and what holds itself
        return repr(value)


def _read(name: str, value: object, fields: Mapping[str, Any], above: ValuePath, context: Context) -> _Reading:
    field = fields.get(name)
    path = (*above, name)
    if field is None:
        return _Reading({}, [(path, _unknown(name, fields, above))])
    if isinstance(field, _Field):
        try:
            context.look_at_clock()
            return _Reading({field.attribute: field.read(value, context)}, [])
        except UnfitError as exc:
            return _Reading({}, exc.problems_at(path))
    if not isinstance(value, dict):
        return _Reading({}, [(path, f"expected a mapping, not {kind_of(value)}")])
    if len(value) > _MOST_FIELDS:
        return _Reading({}, [(path, _TOO_MANY)])
    inner = [_read(inside, one, field, path, context) for inside, one in value.items()]
    return _Reading(
        {attribute: one for reading in inner for attribute, one in reading.values.items()},
        [problem for reading in inner for problem in reading.problems],
    )


def _unknown(name: object, fields: Mapping[str, Any], above: ValuePath) -> str:
    for group, inside in SHARED.items():
        if isinstance(inside, Mapping) and name in inside:
            return f"unknown field here; it belongs under {group}"
    own = () if above else _OWN
    return f"unknown field{suggestion(str(name), [*own, *fields])}"


_FILES_OF_TLS: Final = frozenset(("ca_file", "cert_file", "key_file"))
_OF_TLS: Final = ("verify", *_FILES_OF_TLS, "server_name")
_OF_EXPECT: Final = ("status", "not_match", "json", "body_size_bytes", "records", "max_latency_s", "cert_days")


def site_of(values: Mapping[str, Any], defaults: Mapping[str, Any], files_below: str | None = None) -> Site:
    """Return the site of flat values over flat defaults, whose files stay below a folder. Both must be fit."""
    merged = {**defaults, **values}
    for name, _ in site_urls.unfit(merged["url"], merged):  # only from the defaults, which are for others
        del merged[name]
    for name in ("labels", "expected_headers"):
        if name in values and name in defaults:
            merged[name] = {**defaults[name], **values[name]}
    if "headers" in merged or "auth" in merged:
        merged["headers"] = tuple({**_headers(defaults), **_headers(values)}.values())
        merged.pop("auth", None)
    expect: dict[str, Any] = {name: merged.pop(name) for name in _OF_EXPECT if name in merged}
    if "expected_headers" in merged:
        expect["headers"] = tuple(merged.pop("expected_headers").values())
    if expect:
        merged["expect"] = Expect(**expect)
    tls = {name: merged.pop(name) for name in _OF_TLS if name in merged}
    if not _FILES_OF_TLS.isdisjoint(tls):
        tls["files_below"] = files_below
    if tls:
        merged["tls"] = Tls(**tls)
    return Site(**merged)


def _headers(values: Mapping[str, Any]) -> dict[str, Header]:
    """Return the headers of flat values by their names in lower case, among them what ``auth`` says."""
    found: dict[str, Header] = values.get("headers", {})
    return {**found, "authorization": values["auth"]} if "auth" in values else found
