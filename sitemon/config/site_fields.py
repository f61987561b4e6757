"""The fields of a site, each read into what `Site` holds.

A field may be nested (``expect.status``); what is read is flat, so that the defaults of a file and the fields of a
site merge field by field. Headers and labels merge by their names.
"""

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import re2

from sitemon.config.fields import readable_file
from sitemon.config.values import (
    UnfitError,
    ValuePath,
    boolean,
    duration_s,
    kind_of,
    one_of,
    region_name,
    suggestion,
    text,
)
from sitemon.model.site import Expect, Header, Site, StatusRange, Tls

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
LONGEST_TIMEOUT_S: Final = 300.0
LONGEST_INTERVAL_S: Final = 366 * 86_400.0
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,200}")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A header's name: RFC 9110, 5.6.2."""
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""RFC 9110, 5.5, without line breaks."""
_PLAIN_URL: Final = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(?::[1-9]\d{0,3})?(?:/[!-\[\]-~]*)?")
"""What most URLs look like; `urlsplit` is for the rest."""
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_STATUS: Final = re.compile(r"([1-5]\d\d)(?:\s*-\s*([1-5]\d\d))?")

Problem = tuple[ValuePath, str]


class Around(NamedTuple):
    """Where a site's values come from: the folder of its file, and the environment."""

    folder: Path
    environ: Mapping[str, str]


class _Field(NamedTuple):
    attribute: str
    read: Callable[[Any, Around], Any]
    is_own: bool = False


class FieldReader:
    """Reads the mappings of one file. Values that many sites share are read once."""

    def __init__(self, around: Around) -> None:
        self._around = around
        self._read_before: dict[tuple[str, type, object], Any] = {}

    def read(self, mapping: Mapping[str, object]) -> tuple[dict[str, Any], list[Problem]]:
        """Read a site's mapping, or that of ``defaults``, into flat values and problems with their paths."""
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        for path, field, value in _leaves(mapping, FIELDS, (), problems):
            if field.attribute in values:
                problems.append((path, f"{field.attribute} stands twice, beside expect and under it"))
                continue
            try:
                values[field.attribute] = self._value(field, value)
            except UnfitError as exc:
                problems.append(((*path, *exc.path), exc.problem))
        return values, problems

    def _value(self, field: _Field, value: object) -> Any:
        if field.is_own:
            return field.read(value, self._around)
        key = (field.attribute, type(value), value if isinstance(value, str | int | float) else repr(value))
        if key not in self._read_before:
            self._read_before[key] = field.read(value, self._around)
        return self._read_before[key]


def site_of(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> Site:
    """Return the site of flat values over flat defaults. Both must be without problems."""
    merged = {**defaults, **values}
    for name in ("headers", "labels"):
        if name in values and name in defaults:
            merged[name] = {**defaults[name], **values[name]}
    if "headers" in merged:
        merged["headers"] = tuple(merged["headers"].values())
    if "status" in merged:
        merged["expect"] = Expect(status=merged.pop("status"))
    if "verify" in merged or "ca_file" in merged:
        merged["tls"] = Tls(verify=merged.pop("verify", True), ca_file=merged.pop("ca_file", None))
    return Site(**merged)


def _leaves(
    mapping: Mapping[str, object], fields: Mapping[str, Any], path: ValuePath, problems: list[Problem]
) -> Iterator[tuple[ValuePath, _Field, object]]:
    for name, value in mapping.items():
        field = fields.get(name)
        if field is None:
            problems.append(((*path, name), _unknown(name, fields)))
        elif isinstance(field, _Field):
            yield (*path, name), field, value
        elif isinstance(value, dict):
            yield from _leaves(value, field, (*path, name), problems)
        else:
            problems.append(((*path, name), f"expected a mapping, not {kind_of(value)}"))


def _unknown(name: object, fields: Mapping[str, Any]) -> str:
    if name in LATER:
        return "not supported yet"
    return f"unknown field{suggestion(str(name), [*fields, *LATER])}"


def _name(value: object, _: Around) -> str:
    name = value if isinstance(value, str) else text(value)
    if not _NAME.fullmatch(name):
        raise UnfitError("expected 1 to 200 letters, digits, dashes, underscores and dots")
    return name


def _url(value: object, _: Around) -> str:
    if isinstance(value, str) and _PLAIN_URL.fullmatch(value):
        return value
    url = text(value)
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError as exc:
        raise UnfitError("expected a URL such as https://example.org/path") from exc
    if parts.scheme in ("tcp", "tls", "dns"):
        raise UnfitError(f"{parts.scheme}:// is not supported yet; expected http:// or https://")
    if parts.scheme not in ("http", "https") or not is_complete or set(url) & {" ", "\\"}:
        raise UnfitError("expected a URL such as https://example.org/path")
    return url


def _interval_ms(value: object, _: Around) -> int:
    interval_s = duration_s(value)
    if not 1 <= interval_s <= LONGEST_INTERVAL_S:
        raise UnfitError("expected an interval of at least 1s")
    return round(interval_s * 1_000)


def _timeout_s(value: object, _: Around) -> float:
    timeout_s = duration_s(value)
    if not 0.001 <= timeout_s <= LONGEST_TIMEOUT_S:
        raise UnfitError(f"expected a timeout of at most {LONGEST_TIMEOUT_S:.0f}s, and more than 0")
    return timeout_s


def _regex(value: object, _: Around) -> str:
    if not isinstance(value, str) or not value:
        text(value)
    pattern = str(value)
    problem = regex_problem(pattern)
    if problem:
        raise UnfitError(problem)
    return pattern


@functools.lru_cache(maxsize=10_000)
def regex_problem(pattern: str) -> str | None:
    """Return why RE2 does not take a regex, in its own words, or None when it does."""
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options=options)
    except re2.error as exc:
        words = exc.args[0].decode(errors="replace") if isinstance(exc.args[0], bytes) else str(exc.args[0])
    except UnicodeEncodeError:
        return "expected a regex of whole characters, not halves of surrogate pairs"
    else:
        return None
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return f"not a valid regex: {words}"
    return f"not a valid regex: {words}; lookaround and backreferences are not supported"


def _status(value: object, _: Around) -> tuple[StatusRange, ...]:
    listed = value if isinstance(value, list) else [value]
    if not listed:
        raise UnfitError("expected at least one status such as 200 or 200-299")
    return tuple(_status_range(one, (place,) if listed is value else ()) for place, one in enumerate(listed))


def _status_range(value: object, path: ValuePath) -> StatusRange:
    found = None if isinstance(value, bool) else _STATUS.fullmatch(str(value))
    first, last = found.groups() if found else ("0", None)
    if not found or int(first) > int(last or first):
        raise UnfitError("expected a status such as 200, or a range such as 200-299", path)
    return StatusRange(int(first), int(last or first))


def _headers(value: object, around: Around) -> dict[str, Header]:
    if not isinstance(value, dict):
        raise UnfitError(f"expected a mapping of names to values, not {kind_of(value)}")
    headers: dict[str, Header] = {}
    for name, content in value.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise UnfitError("expected a header's name (RFC 9110, 5.6.2)", (name,))
        if name.lower() in headers:
            raise UnfitError("stands twice: headers do not differ by upper and lower case", (name,))
        headers[name.lower()] = _header(name, content, around)
    return headers


def _header(name: str, content: object, around: Around) -> Header:
    if not isinstance(content, str):
        raise UnfitError(f"expected text, not {kind_of(content)} (put it in quotes)", (name,))
    filled = _VARIABLE.sub(lambda found: _from_environment(found[1], name, around), content)
    if not _HEADER_VALUE.fullmatch(filled):
        raise UnfitError("expected a header's value: one line, characters up to U+00FF", (name,))
    return Header(name, filled, is_secret=bool(_VARIABLE.search(content)))


def _from_environment(variable: str, header: str, around: Around) -> str:
    if variable not in around.environ:
        raise UnfitError(f"{variable} is not set in the environment", (header,))
    return around.environ[variable]


def _labels(value: object, _: Around) -> dict[str, str]:
    if not isinstance(value, dict):
        raise UnfitError(f"expected a mapping of names to text, not {kind_of(value)}")
    for name, content in value.items():
        if not isinstance(name, str) or not isinstance(content, str):
            raise UnfitError("expected text (put it in quotes)", (name,))
    return value


def _regions(value: object, _: Around) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise UnfitError("expected a list of at least one region")
    regions: dict[str, None] = {}
    for place, one in enumerate(value):
        try:
            regions[region_name(one)] = None
        except UnfitError as exc:
            raise UnfitError(exc.problem, (place,)) from exc
    return tuple(regions)


def _ca_file(value: object, around: Around) -> str:
    return readable_file(around.folder, text(value))


def _plain(read: Callable[[object], Any]) -> Callable[[Any, Around], Any]:
    return lambda value, _: read(value)


FIELDS: Final[Mapping[str, Any]] = {
    "name": _Field("name", _name, is_own=True),
    "url": _Field("url", _url, is_own=True),
    "interval": _Field("interval_ms", _interval_ms),
    "timeout": _Field("timeout_s", _timeout_s),
    "match": _Field("match", _regex),
    "method": _Field("method", _plain(one_of(*METHODS))),
    "headers": _Field("headers", _headers),
    "follow_redirects": _Field("follow_redirects", _plain(boolean)),
    "tls": {"verify": _Field("verify", _plain(boolean)), "ca_file": _Field("ca_file", _ca_file)},
    "expect": {"status": _Field("status", _status), "match": _Field("match", _regex)},
    "regions": _Field("regions", _regions),
    "labels": _Field("labels", _labels),
    "enabled": _Field("enabled", _plain(boolean)),
}
"""Every accepted field; a mapping stands for the fields inside it."""

LATER: Final = (
    *("body", "auth", "max_redirects", "max_body", "ip_version", "proxy", "cert_file", "key_file"),
    *("not_match", "json", "records", "body_size", "max_latency", "cert_days"),
    *("down_after", "up_after", "remind_every", "maintenance", "depends_on", "alerts"),
)
"""Fields that are known and not supported yet."""
