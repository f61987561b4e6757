"""A site's effective configuration for people to read, without its secrets. Pure."""

from collections.abc import Iterator
from typing import Final

from sitemon.durations import for_people
from sitemon.model.alerts import EVENTS, Route
from sitemon.model.maintenance import Recurring
from sitemon.model.site import Body, Expect, Header, Site, Tls

_PLAIN_HEADERS: Final = frozenset({"accept", "accept-language", "cache-control", "content-type", "host", "user-agent"})
"""Values of all others are masked: a key may be written into sites.yaml itself."""
_MASK: Final = "***"


def configuration_of(site: Site) -> Iterator[tuple[str, str]]:
    """Give each field that has something to say, and its value."""
    yield "url", site.display_url
    yield "enabled", _plain(site.enabled)
    yield "interval", f"{site.interval_ms / 1_000:g} s"
    yield "timeout", f"{site.timeout_s:g} s"
    yield "regions", ", ".join(site.regions)
    yield "labels", ", ".join(f"{key}: {value}" for key, value in site.labels.items())
    yield "method", site.method
    yield "match", site.match or ""
    yield from _request(site)
    yield from _expect(site.expect)
    yield from _tls(site.tls)
    yield "down_after", f"{site.down_after}"
    yield "up_after", f"{site.up_after}"
    yield "confirm", _plain(site.confirm)
    yield from _alerts(site)


def _request(site: Site) -> Iterator[tuple[str, str]]:
    yield "headers", ", ".join(map(_header, site.headers))
    yield "body", _body(site.body)
    yield "follow_redirects", f"{_plain(site.follow_redirects)}, at most {site.max_redirects}"
    yield "max_body", f"{site.max_body_bytes:,} bytes"
    yield "ip_version", f"{site.ip_version or 'any'}"
    if site.proxy:
        yield "proxy", f"{site.proxy.host}:{site.proxy.port}" + (f" ({_MASK})" if site.proxy.authorization else "")


def _header(header: Header) -> str:
    is_plain = header.name.lower() in _PLAIN_HEADERS and not header.is_secret
    return f"{header.name}: {header.value if is_plain else _MASK}"


def _body(body: Body | None) -> str:
    return f"{len(body.content):,} bytes, {body.content_type or 'no type'}" if body else ""


def _expect(expect: Expect) -> Iterator[tuple[str, str]]:
    yield "expect.status", ", ".join(f"{each.first}-{each.last}" for each in expect.status)
    yield "expect.not_match", expect.not_match or ""
    yield "expect.headers", ", ".join(each.name for each in expect.headers)
    yield "expect.json", ", ".join(each.path for each in expect.json)
    yield "expect.records", ", ".join(expect.records)
    yield "expect.body_size", "" if expect.body_size_bytes is None else f"{expect.body_size_bytes:,} bytes"
    yield "expect.max_latency", "" if expect.max_latency_s is None else f"{expect.max_latency_s:g} s"
    yield "expect.cert_days", "" if expect.cert_days is None else f"{expect.cert_days}"


def _alerts(site: Site) -> Iterator[tuple[str, str]]:
    yield from _route(site.alerts) if site.alerts else [("alerts", "")]
    if site.remind_every_s is not None:
        yield "remind_every", for_people(site.remind_every_s) if site.remind_every_s else "never"
    yield "maintenance", "; ".join(map(_recurring, site.maintenance))
    yield "depends_on", ", ".join(site.depends_on)
    yield "slo", "" if site.slo is None else f"{site.slo:g} %"


def _route(own: Route) -> Iterator[tuple[str, str]]:
    yield "alerts", ", ".join(own.channels) or "off"
    if own.events != EVENTS:
        yield "alerts.events", ", ".join(own.events)
    if own.escalate:
        steps = (f"{', '.join(step.channels)} after {for_people(step.after_s)}" for step in own.escalate)
        yield "alerts.escalate", "; ".join(steps)


def _recurring(window: Recurring) -> str:
    rule = f"{window.rrule}, " if window.rrule else ""
    return f"{rule}{window.start} {window.timezone} for {for_people(window.duration_s)}"


def _tls(tls: Tls) -> Iterator[tuple[str, str]]:
    if tls != Tls():
        yield "tls.verify", _plain(tls.verify)
        yield "tls.ca_file", tls.ca_file or ""
        yield "tls.cert_file", tls.cert_file or ""
        yield "tls.server_name", tls.server_name or ""


def _plain(value: bool) -> str:
    return "true" if value else "false"
