"""The values of a site's fields, one reader each. A reader returns the final value or raises `UnfitError`."""

import functools
import json
import math
import os
import re
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from sitemon import clock
from sitemon.config import ca_files, chosen_files, own_certificates, own_folders
from sitemon.config.edits import State, stat_of
from sitemon.config.fields import readable_file
from sitemon.config.locate import expanded
from sitemon.config.settings import PUBLIC, Settings, may_use
from sitemon.config.site_room import MOST_FILES
from sitemon.config.values import UnfitError, duration_s, kind_of, region_name, size_bytes, text, under
from sitemon.kept import kept
from sitemon.model.site import Header, StatusRange
from sitemon.patterns.regex import excess

LONGEST_TIMEOUT_S: Final = 300.0
LONGEST_INTERVAL_S: Final = 366 * 86_400.0
LONGEST_LABELS_BYTES: Final = 4 << 10
"""With those of the defaults and the longest name, an event of the schedule stays far below what is recorded."""

LONGEST_REGEX_BYTES: Final = 4 << 10
"""In JSON: a result has it in it, and is recorded up to 64 KiB."""
LONGEST_HEADERS_BYTES: Final = 16 << 10
"""Servers take no more. In what one quotes, each of their secrets is looked for."""
MOST_HEADERS: Final = 100
"""Each redirect sends them anew, and to write one takes as long as many bytes."""

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,200}")
TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A header's name: RFC 9110, 5.6.2."""
_FRAMING: Final = ("content-length", "transfer-encoding")
_HEADER_VALUE: Final = re.compile(r"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
"""RFC 9110, 5.5: no line breaks, no spaces at its ends."""
_PLAIN_REGEX: Final = re.compile(r"[A-Za-z0-9 _,;:<>=/!@#%&~'\"-]+")
_OF_PYTHON: Final = re.compile(r"\(\?<?[=!]|\(\?P=|\\[1-9]")
"""Lookaround and backreferences. To ask Python for its opinion of a regex of 4 KiB may take seconds."""
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_STATUS: Final = re.compile(r"([1-5]\d\d)(?:\s*-\s*([1-5]\d\d))?")


class Context(NamedTuple):
    """What a site's values refer to: the folder of its file, the environment, and what we were told by it.

    `files` collects the files that the values name, there or not, as they were before they were read: an edit of one is
    an edit of the sites. Nothing more is read once the time is past `until_s`, and the thread's CPU time past
    `until_cpu_s`. `own_folder` is that in the folder which is the file's own, where there are files of others; see
    `own_folders`.
    """

    folder: Path
    environ: Mapping[str, str]
    choices: Settings
    files: State
    own_folder: str = ""
    until_s: float = math.inf
    until_cpu_s: float = math.inf

    @property
    def is_late(self) -> bool:
        """Whether the file has had its time."""
        # CPU time takes some us to read, and never gets ahead.
        return clock.monotonic_s() > self.until_s and clock.thread_cpu_s() > self.until_cpu_s

    def look_at_clock(self) -> None:
        """Refuse what is read now if the file has had its time."""
        if self.is_late:
            raise UnfitError("takes too long to read, with all that stands before it")

    @property
    def files_below(self) -> str | None:
        """The folder out of which no file may lead, if there is one."""
        return own_folders.path_of(self.folder, self.own_folder) if self.choices.address_policy == PUBLIC else None


def name(value: object, _: Context) -> str:
    """Read the name of a site."""
    found = value if isinstance(value, str) else text(value)
    if not _NAME.fullmatch(found):
        raise UnfitError("expected 1 to 200 letters, digits, dashes, underscores and dots")
    return found


def distinct_names(value: list[object], context: Context, problem: str) -> tuple[str, ...]:
    """Read a list of names, each once; `problem` says what one that is none should be."""
    found: dict[str, None] = {}
    for place, one in enumerate(value):
        try:
            found[name(one, context)] = None
        except UnfitError as exc:
            raise UnfitError(problem, (place,)) from exc
    return tuple(found)


def interval_ms(value: object, _: Context) -> int:
    """Read how often a site is checked, in whole milliseconds."""
    exact_ms = duration_s(value) * 1_000
    whole_ms = round(exact_ms)
    if not 1_000 <= whole_ms <= LONGEST_INTERVAL_S * 1_000:
        raise UnfitError("expected an interval of at least 1s, and at most 366d")
    if abs(exact_ms - whole_ms) > 1e-4:
        raise UnfitError("expected an interval of whole milliseconds")
    return whole_ms


def timeout_s(value: object, _: Context) -> float:
    """Read for how long the whole check may take, in seconds."""
    found_s = duration_s(value)
    if not 0.001 <= found_s <= LONGEST_TIMEOUT_S:
        raise UnfitError(f"expected a timeout of more than 0, and at most {LONGEST_TIMEOUT_S:.0f}s")
    return found_s


def regex(value: object, context: Context) -> str:
    """Read a regex that RE2 takes; it may have line breaks in it."""
    context.look_at_clock()
    if not isinstance(value, str) or not value:
        return text(value)
    if len(json.dumps(value, ensure_ascii=False).encode(errors="replace")) > LONGEST_REGEX_BYTES:
        raise UnfitError(f"expected a regex of at most {LONGEST_REGEX_BYTES >> 10} KiB")
    if "\0" in value:
        # Each result says the regex, and PostgreSQL has no place for a NUL.
        raise UnfitError("expected a regex without NUL characters (\\x00 finds one)")
    # Compiling takes 20 us, and most regexes are plain text.
    problem = None if _PLAIN_REGEX.fullmatch(value) else _regex_problem(value)
    if problem:
        raise UnfitError(problem)
    return value


@kept(4 << 20)
def _regex_problem(pattern: str) -> str | None:
    try:
        return excess(pattern)
    except UnicodeEncodeError:
        return "expected a regex of whole characters, not halves of surrogate pairs"
    except ValueError as exc:
        words = str(exc)
    note = "; lookaround and backreferences are not supported" if _OF_PYTHON.search(pattern) else ""
    return f"not a valid regex: {words}{note}"


def status(value: object, _: Context) -> tuple[StatusRange, ...]:
    """Read a status, a range of them, or a list of both."""
    if not isinstance(value, list):
        return (_status_range(value),)
    if not value:
        raise UnfitError("expected at least one status such as 200, or a range such as 200-299")
    return tuple(under(place, _status_range, one) for place, one in enumerate(value))


def _status_range(value: object) -> StatusRange:
    is_fit_type = isinstance(value, int | str) and not isinstance(value, bool)
    found = _STATUS.fullmatch(str(value)) if is_fit_type else None
    if not found or (found[2] and found[1] > found[2]):
        raise UnfitError("expected a status such as 200, or a range such as 200-299")
    return StatusRange(int(found[1]), int(found[2] or found[1]))


def headers(value: object, context: Context) -> dict[str, Header]:
    """Read request headers, by their names in lower case. ``${NAME}`` in a value is a secret of the environment."""
    if not isinstance(value, dict):
        raise UnfitError(f"expected a mapping of names to text, not {kind_of(value)}")
    if len(value) > MOST_HEADERS:
        raise UnfitError(f"expected at most {MOST_HEADERS} headers")
    found: dict[str, Header] = {}
    for header, content in value.items():
        if not isinstance(header, str) or not TOKEN.fullmatch(header):
            raise UnfitError("expected the name of a header: letters, digits and dashes", (header,))
        if header.lower() in _FRAMING:
            raise UnfitError("is written by sitemon: it says where the request ends", (header,))
        if header.lower() in found:
            raise UnfitError("stands twice; upper and lower case are the same in a header's name", (header,))
        found[header.lower()] = under(header, _header, header, content, context)
    if sum(len(header.name) + len(header.value) for header in found.values()) > LONGEST_HEADERS_BYTES:
        raise UnfitError(f"expected headers of {LONGEST_HEADERS_BYTES >> 10} KiB in all at most")
    return found


def _header(header: str, content: object, context: Context) -> Header:
    if not isinstance(content, str):
        text(content)
    value, secrets = filled(str(content), context)
    if not _HEADER_VALUE.fullmatch(value):
        raise UnfitError("expected one line without spaces at its ends, of characters up to U+00FF")
    return Header(header, value, is_secret=bool(secrets), secrets=secrets)


def filled(template: str, context: Context) -> tuple[str, tuple[str, ...]]:
    """Return the text with the values of the environment for ``${NAME}``, and those values: they are secrets."""
    if "${" not in template:
        return template, ()
    if "${" in _VARIABLE.sub("", template):
        raise UnfitError("expected ${NAME} with the name of an environment variable")
    secrets: list[str] = []

    def fill(variable: re.Match[str]) -> str:
        secrets.append(_from_environment(variable[1], context))
        return secrets[-1]

    return _VARIABLE.sub(fill, template), tuple(secrets)


def _from_environment(variable: str, context: Context) -> str:
    if not may_use(variable, context.choices):
        raise UnfitError(f"the environment variable {variable} is not for sites: see SITEMON_SECRETS_ALLOW")
    found = context.environ.get(variable)
    if not found:
        raise UnfitError(f"the environment variable {variable} is not set")
    return found


def labels(value: object, _: Context) -> dict[str, str]:
    """Read labels: names and text, which may be empty. They travel with each event of the schedule."""
    if not isinstance(value, dict):
        raise UnfitError(f"expected a mapping of names to text, not {kind_of(value)}")
    if len(str(value).encode(errors="replace")) > LONGEST_LABELS_BYTES:
        raise UnfitError(f"expected labels of {LONGEST_LABELS_BYTES >> 10} KiB in all at most")
    for label, content in value.items():
        under(label, text, label)
        if content != "":
            under(label, text, content)
    return value


def slo(value: object, _: Context) -> float:
    """Read the target of a site's uptime, in percent."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 100:
        return float(value)
    raise UnfitError("expected a percentage below 100, such as 99.9")


def size(low: int, high: int) -> Callable[[object, Context], int]:
    """Return a reader of a size from `low` to `high` bytes, both included."""

    def read(value: object, _: Context) -> int:
        found = size_bytes(value)
        if not low <= found <= high:
            raise UnfitError(f"expected a size from {low} to {high} bytes")
        return found

    return read


def regions(value: object, _: Context) -> tuple[str, ...]:
    """Read the regions that a site is checked from; each counts once."""
    if not isinstance(value, list) or not value:
        raise UnfitError("expected a list of at least one region")
    return tuple(dict.fromkeys(under(place, region_name, one) for place, one in enumerate(value)))


def own_file(value: object, context: Context) -> str:
    """Read the path of a file of our certificate or its key."""
    return _file(value, context, own_certificates.LONGEST_BYTES)


def ca_file(value: object, context: Context) -> str:
    """Read the path of a file of CA certificates in PEM."""
    file = _file(value, context, ca_files.LONGEST_BYTES)
    found = Path(file).stat()
    try:
        problem = _ca_file_problem(os.path.realpath(file), context.files_below, (found.st_mtime_ns, found.st_size))
    except OSError as exc:
        raise UnfitError(f"expected a file that can be read; {file} cannot") from exc
    if problem:
        expected, has = problem
        raise UnfitError(f"expected {expected}; {file} holds {has}")
    return file


def _file(value: object, context: Context, most_bytes: int) -> str:
    """Return the absolute path of a file, the same however it was written: its content is kept once."""
    place = Path(os.path.normpath((context.folder / expanded(text(value))).absolute()))
    below = context.files_below
    # Path.resolve fails at a link that leads to itself.
    if below is not None and not own_folders.holds(below, Path(os.path.realpath(place))):
        raise UnfitError(f"expected a file below {below}, with SITEMON_ADDRESS_POLICY={PUBLIC}; {place} is not")
    if len(context.files) >= MOST_FILES and place not in context.files:
        raise UnfitError(f"expected at most {MOST_FILES:,} files")
    if place not in context.files:
        context.files[place] = stat_of(place)
    found = readable_file(context.folder, str(place))
    if Path(found).stat().st_size > most_bytes:
        raise UnfitError(f"expected a file of at most {most_bytes >> 10:,} KiB")
    return found


@functools.lru_cache(maxsize=1_000)
def _ca_file_problem(file: str, below: str | None, _stamps: tuple[int, int]) -> tuple[str, str] | None:
    """Return what was expected of a file of CA certificates and what it has instead; how often it is named is free."""
    try:
        ca_files.load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), file, below)
    except chosen_files.TooMuchError:
        return f"at most {ca_files.MOST_CERTIFICATES} certificates", "more"
    except chosen_files.UnfitKeyError:
        return "certificates with keys on curves that have names", "others"
    except ssl.SSLError:
        return "certificates in PEM", "none"
    return None
