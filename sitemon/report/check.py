"""What ``sitemon check`` shows of a result: for people with rich, of the trace also as JSON.

Names in certificates and URLs of redirects are a server's own words: they are shown as plain text without control
characters and secrets of the site, never as markup.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sitemon.checks.findings import Failure, Hop
from sitemon.checks.judge.expect import expiry_words
from sitemon.checks.judge.masked import masked_certificates
from sitemon.checks.net.tls import certificate_of
from sitemon.checks.timing import PHASES
from sitemon.model.moment import format_utc
from sitemon.model.one_line import printable
from sitemon.model.outcome import REASONS
from sitemon.model.result import Certificate, Phases, Result
from sitemon.model.site import Site
from sitemon.model.target import scheme_of
from sitemon.report.palette import SIGNS, STYLES, latency

_SOON: Final = timedelta(days=14)
_BAR_WIDTH: Final = 32


def report(result: Result, now: datetime, trace: Sequence[RenderableType] = ()) -> RenderableType:
    """Return what a person sees: the outcome and why, the facts, and the phases, or the trace in their place."""
    facts = _grid(*_facts(result, now))
    parts: list[RenderableType] = [_headline(result), Padding(facts, (0, 0, 1, 2), expand=False), *trace]
    if not trace and result.phases_s is not None:
        parts.append(Padding(_bars(result.phases_s), (0, 0, 0, 2), expand=False))
    return Group(*parts)


def trace_of(site: Site, hops: Sequence[Hop], failures: Sequence[Failure], now: datetime) -> list[RenderableType]:
    """Return what a person sees of each hop and failure."""
    notes = [_note(before, hop) for before, hop in zip((None, *hops), hops, strict=False)]
    shown = [_hop(number, site, hop, note, now) for number, (hop, note) in enumerate(zip(hops, notes, strict=True), 1)]
    return shown + [_failure(failure) for failure in failures]


def traced_failures(failures: Sequence[Failure]) -> list[dict[str, Any]]:
    """Return what was found wrong as plain JSON types."""
    return [msgspec.structs.asdict(failure) for failure in failures]


def traced(site: Site, hops: Sequence[Hop]) -> list[dict[str, Any]]:
    """Return the hops as plain JSON types."""
    return [
        {
            "url": hop.url,
            "addresses": hop.addresses,
            "ip": hop.ip,
            "http_code": hop.http_code,
            "records": hop.records,
            "note": _note(before, hop),
            "phases_s": msgspec.structs.asdict(hop.phases_s),
            "certificates": [
                {
                    "subject": certificate.subject,
                    "issuer": certificate.issuer,
                    "begins_at": format_utc(certificate.begins_at),
                    "expires_at": format_utc(certificate.expires_at),
                }
                for certificate in _certificates(site, hop)
                if certificate is not None
            ],
        }
        for before, hop in zip((None, *hops), hops, strict=False)
    ]


def _note(before: Hop | None, hop: Hop) -> str | None:
    if before is not None and before.url.startswith("https:") and hop.url.startswith("http:"):
        return "the redirect leads from https to http: from here on nothing is encrypted"
    return None


def _headline(result: Result) -> Text:
    style = STYLES[result.outcome]
    words = f"{result.outcome} {result.reason}" if result.reason else str(result.outcome)
    line = Text.assemble((f"{SIGNS[result.outcome]} ", style), (words, style), "  ", (result.url, "bold"))
    if result.latency_s is not None:
        line.append(f"  {latency(result.latency_s)}", "dim")
    return line


def _facts(result: Result, now: datetime) -> Iterator[tuple[str, Text]]:
    if result.error:
        yield "why", Text(result.error, STYLES[result.outcome])
    if result.http_code is not None:
        yield "answer", Text(_answer(result))
    if result.ip:
        yield "address", Text(result.ip)
    if result.match is not None and result.is_match_found is not None:
        found, style = ("found", STYLES["up"]) if result.is_match_found else ("not found", STYLES["down"])
        yield "match", Text.assemble(printable(result.match), " ", (found, style))
    if result.cert_expires_at is not None:
        yield "certificate", _expiry(result.cert_expires_at, now)


def _answer(result: Result) -> str:
    parts = [f"{result.http_code}", f"HTTP/{result.http_version}", f"{result.body_bytes:,} bytes"]
    if result.redirects:
        parts.append(f"after {result.redirects} redirect{'s' if result.redirects > 1 else ''}")
    return ", ".join(parts)


def _expiry(expires_at: datetime, now: datetime) -> Text:
    left = expires_at - now
    style = STYLES["down" if left <= timedelta() else "degraded" if left < _SOON else "up"]
    return Text.assemble((expiry_words(left), style), f", on {expires_at:%Y-%m-%d %H:%M} UTC")


def _failure(failure: Failure) -> RenderableType:
    style = STYLES[REASONS[failure.reason][0]]
    title = Text.assemble((str(failure.reason), style), f"  {printable(failure.words)}")
    if failure.excerpt is None:
        return title
    return Group(title, Padding(_grid(("response", Text(failure.excerpt or "(empty)"))), (0, 0, 0, 2), expand=False))


def _hop(number: int, site: Site, hop: Hop, note: str | None, now: datetime) -> RenderableType:
    title = Text.assemble((f"hop {number}", "bold"), f"  {printable(hop.url)}  ", (_answer_of(hop), "bold"))
    facts = [("resolved", Text(", ".join(hop.addresses))), ("address", Text(hop.ip))] if hop.ip else []
    facts += [("certificate", _certificate(one, now)) for one in _certificates(site, hop)]
    facts += [("record", Text(printable(record))) for record in hop.records]
    facts += [("note", Text(note, STYLES["degraded"]))] if note else []
    return Group(title, Padding(Group(_grid(*facts), _bars(hop.phases_s)), (0, 0, 1, 2), expand=False))


def _answer_of(hop: Hop) -> str:
    if hop.http_code is not None:
        return f"→ {hop.http_code}"
    return "→ no answer" if scheme_of(hop.url) in {"http", "https"} else ""


def _certificates(site: Site, hop: Hop) -> Iterator[Certificate | None]:
    """Yield what may be shown of each certificate, None for one that cannot be read."""
    return masked_certificates(site, map(certificate_of, hop.chain))


def _certificate(certificate: Certificate | None, now: datetime) -> Text:
    if certificate is None:
        return Text("one that cannot be read", STYLES["down"])
    return Text.assemble(
        printable(certificate.subject),
        (f" by {printable(certificate.issuer)}, from {certificate.begins_at:%Y-%m-%d}, ", "dim"),
        _expiry(certificate.expires_at, now),
    )


def _bars(phases_s: Phases) -> Table:
    """Return the phases one below the other, each where it lay in the whole."""
    spent_s = [(phase, getattr(phases_s, phase)) for phase in PHASES]
    total_s = sum(seconds for _, seconds in spent_s) or 1.0
    rows, before_s = [], 0.0
    for phase, seconds in spent_s:
        start = round(before_s / total_s * _BAR_WIDTH)
        before_s += seconds
        length = max(round(before_s / total_s * _BAR_WIDTH) - start, 1 if seconds else 0)
        bar = " " * min(start, _BAR_WIDTH - length) + "━" * length
        rows.append(
            (
                phase.replace("_", " "),
                Text.assemble((f"{bar:{_BAR_WIDTH}}", "cyan"), f" {latency(seconds) if seconds else '-':>7}"),
            )
        )
    return _grid(*rows)


def _grid(*rows: tuple[str, Text]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True, min_width=11)
    grid.add_column(overflow="fold")
    for row in rows:
        grid.add_row(*row)
    return grid
