r"""One text in many spellings: undoing those of JSON, HTML and URLs, and finding what stands there in base64 or hex.

Servers mix them: PHP writes ``\/``, Go ``\u0026``, a path keeps its slashes, a log quotes what was quoted already.
"""

import base64
import contextlib
import html
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

_FLAGS: Final = re.IGNORECASE | re.DOTALL
_BYTE: Final = re.compile(r"(?:%|\\x)([0-9a-f]{2})|\\([0-3][0-7]{2})", _FLAGS)
_UNIT: Final = re.compile(r"(?:%|\\)u([0-9a-f]{4})", _FLAGS)
_IN_URLS: Final = r"(?P<bytes>(?:%[0-9a-f]{2})+)|(?P<units>(?:%u[0-9a-f]{4})+)"
_IN_HTML: Final = r"(?P<html>&(?:#0{0,9}[0-9]{1,7}|#x0{0,9}[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});?)"
_IN_JSON: Final = r"(?P<bytes>(?:\\x[0-9a-f]{2}|\\[0-3][0-7]{2})+)|(?P<units>(?:\\u[0-9a-f]{4})+)|\\(?P<char>.)"
_ESCAPES: Final = tuple(
    (re.compile(pattern, _FLAGS), sign) for pattern, sign in ((_IN_URLS, "%"), (_IN_HTML, "&"), (_IN_JSON, "\\"))
)
_MOST_READINGS: Final = 20
_CONTROLS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_SAME: Final = ((" ", "+"), ("\u00a0", "+"), ("-", "+"), ("_", "/"), ("ς", "\u03c3"))
"""A space in a form or in HTML, the other alphabet of base64 (RFC 4648, 5), and Σ at the end of a word."""
_SPLITS: Final = " \t\r\n:"
"""What may stand within base64 and hex."""
LONGEST_NEEDLE: Final = 48
LONGEST_SPELLING: Final = 24 * LONGEST_NEEDLE
"""`&` in HTML in a URL in a URL is ``%2526amp%253B``."""
_SHORTEST: Final = 4
"""What is shorter looks like any word, when encoded or with its own escapes undone."""
_CHARACTER_NS: Final = 60
"""To undo escapes in a text, or to fold one that is not ASCII, for each of its characters."""
_ASCII_NS: Final = 10
"""To fold one that is."""
_ESCAPE_NS: Final = 1_500
_READING_NS: Final = 3_000
_SEARCH_NS: Final = 300
"""To look for one needle, and one for each character of the text."""
_PLACE_NS: Final = 1_300
_SECRET_NS: Final = 15_000
_SECRETS_BYTE_NS: Final = 120


class TooMuchWorkError(Exception):
    """To find secrets would take longer than it may."""


class Work:
    """How long finding secrets may still take: about so many nanoseconds, which are counted and not measured."""

    __slots__ = ("_left_ns",)

    def __init__(self, most_ns: int) -> None:
        self._left_ns = most_ns

    def take(self, ns: int) -> None:
        """Count what is to be done next.

        Raises:
            TooMuchWorkError: there is too much of it.

        """
        self._left_ns -= ns
        if self._left_ns < 0:
            raise TooMuchWorkError


class Reading(NamedTuple):
    """What a text says. `places` are where each character begins in the text as it was, and where the last one ends."""

    text: str
    places: Sequence[int]


class ManyReadingsError(Exception):
    """A text has escapes in escapes deeper than anybody writes who has nothing to hide."""


def readings(text: str, work: Work) -> Iterator[Reading]:
    """Yield the text as it is, and each that it becomes when escapes are undone, of one kind at a time.

    Raises:
        ManyReadingsError: there are too many.
        TooMuchWorkError: they take too long.

    """
    found = [Reading(text, range(len(text) + 1))]
    for reading in found:  # which grows meanwhile
        yield reading
        for escapes, sign in _ESCAPES:
            signs = reading.text.count(sign)
            if not signs:
                continue
            work.take(_READING_NS + len(reading.text) * _CHARACTER_NS + signs * _ESCAPE_NS)
            plainer = _plainer(reading, escapes)
            if plainer is not None and all(plainer.text != one.text for one in found):
                found.append(plainer)
        if len(found) > _MOST_READINGS:
            raise ManyReadingsError


class Needle(NamedTuple):
    """A spelling to look for in readings. If it `is_encoded`, that may be over several lines.

    `before` and `after` are how many characters beside it hold bits of it.
    """

    text: str
    is_encoded: bool = False
    before: int = 0
    after: int = 0


class _Needles(NamedTuple):
    """What to look for in one text, and how many characters those together have that end alike."""

    each: tuple[Needle, ...]
    chars: dict[str, int]


class Sought(NamedTuple):
    """In which spellings secrets may stand in a reading, and in one without what may stand within base64 and hex."""

    plain: _Needles
    encoded: _Needles


def sought_for(needles: Iterable[Needle]) -> Sought:
    """Return what to look for."""
    kinds: tuple[list[Needle], list[Needle]] = ([], [])
    for needle in needles:
        kinds[needle.is_encoded].append(needle)
    plain, encoded = (_Needles(tuple(kind), _chars(kind)) for kind in kinds)
    return Sought(plain, encoded)


def _chars(needles: Iterable[Needle]) -> dict[str, int]:
    chars: dict[str, int] = {}
    for needle in needles:
        end = needle.text[-1]
        chars[end] = chars.get(end, 0) + len(needle.text)
    return chars


def needles_of(secret: str, work: Work) -> set[Needle]:
    """Return in which spellings a secret may stand in a reading: itself, in another charset, in base64 and hex.

    A long one comes in pieces, so that no more of a text need be looked at than `LONGEST_SPELLING` around a place.

    Raises:
        TooMuchWorkError: it takes too long.

    """
    contents = {secret.encode(errors="replace"), secret.encode("latin-1", "replace")}
    work.take(sum(_SECRET_NS + len(content) * _SECRETS_BYTE_NS for content in contents))
    found = {secret}
    with contextlib.suppress(ManyReadingsError):
        found |= {reading.text for reading in readings(secret, work) if len(reading.text) >= _SHORTEST}
    work.take(sum(map(len, found)) * _SECRETS_BYTE_NS)
    found |= {one.encode(errors="replace").decode("latin-1") for one in found} | {
        one.encode("latin-1", "replace").decode(errors="replace") for one in found
    }
    needles = {Needle(_folded(one)) for one in found}
    for content in contents:
        if len(content) >= _SHORTEST:
            needles |= {Needle(content.hex(), is_encoded=True), *_in_base64(content)}
    return {needle._replace(text=piece) for needle in needles for piece in _pieces(needle.text)}


def _pieces(text: str) -> Iterator[str]:
    for first in range(0, len(text) - LONGEST_NEEDLE, LONGEST_NEEDLE):
        yield text[first : first + LONGEST_NEEDLE]
    yield text[-LONGEST_NEEDLE:]


def _in_base64(content: bytes) -> Iterator[Needle]:
    """Yield the content in base64, for each place in three bytes at which it may begin (RFC 4648, 4)."""
    for lead in range(3):
        characters = base64.b64encode(bytes(lead) + content).decode()
        first, (last, bits_left) = -(-8 * lead // 6), divmod(8 * (lead + len(content)), 6)
        yield Needle(_folded(characters[first:last]), is_encoded=True, before=lead > 0, after=bits_left > 0)


def places_of(sought: Sought, reading: Reading, work: Work) -> Iterator[tuple[int, int]]:
    """Yield from where to where in the original text something stands. Upper and lower case are one.

    Places of a needle that overlap or touch are one, so that there are no more of them than fit beside each other.

    Raises:
        TooMuchWorkError: it takes too long.

    """
    text, places = reading
    work.take(len(text) * (_ASCII_NS if text.isascii() else _CHARACTER_NS))
    for first, last in _places(sought.plain, _folded(text), work):
        yield places[first], places[last]
    joined = text
    for split in _SPLITS:
        joined = joined.replace(split, "")
    kept: Sequence[int] = ()
    for first, last in _places(sought.encoded, _folded(joined), work):
        kept = kept or _kept(text, work)
        yield places[kept[first]], places[kept[last]]


def _places(needles: _Needles, text: str, work: Work) -> Iterator[tuple[int, int]]:
    # str.find compares all of a needle only where its last character stands.
    compared = sum(text.count(end) * chars for end, chars in needles.chars.items())
    work.take(len(needles.each) * (_SEARCH_NS + len(text)) + compared)
    for needle in needles.each:
        first = text.find(needle.text)
        while first >= 0:
            work.take(_PLACE_NS)
            last = first + len(needle.text)
            while (further := text.rfind(needle.text, last - len(needle.text) + 1, last + len(needle.text))) >= 0:
                work.take(_PLACE_NS)
                last = further + len(needle.text)
            yield max(0, first - needle.before), min(len(text), last + needle.after)
            first = text.find(needle.text, last + 1)


def _kept(text: str, work: Work) -> list[int]:
    """Return where the characters stand that do not split base64 and hex, and where the text ends."""
    work.take(len(text) * _CHARACTER_NS)
    return [*(place for place, character in enumerate(text) if character not in _SPLITS), len(text)]


def _folded(text: str) -> str:
    folded = text.replace("İ", " ").lower()  # of all letters only that one would become two
    for one, same in _SAME:
        folded = folded.replace(one, same)
    return folded


def _plainer(reading: Reading, escapes: re.Pattern[str]) -> Reading | None:
    text, at = reading.text, 0
    pieces: list[str] = []
    places: list[int] = []
    for found in escapes.finditer(text):
        characters = _characters(found)
        if not characters:
            continue
        pieces.append(text[at : found.start()])
        places += reading.places[at : found.start()]
        for start, character in characters:
            pieces.append(character)
            places.append(reading.places[start])
        at = found.end()
    if not at:
        return None
    return Reading("".join((*pieces, text[at:])), (*places, *reading.places[at:]))


def _characters(found: re.Match[str]) -> list[tuple[int, str]]:
    """Return where in the text each character begins that the escape stands for; none if it is no escape."""
    start = found.start()
    match found.lastgroup:
        case "bytes":
            return list(_of_bytes([(start + one.start(), _value(one)) for one in _BYTE.finditer(found[0])]))
        case "units":
            return list(_of_units([(start + one.start(), int(one[1], 16)) for one in _UNIT.finditer(found[0])]))
        case "char":
            return [(start, _CONTROLS.get(found["char"], found["char"]))]
    character = html.unescape(found[0])
    return [(start, character)] if len(character) == 1 else []


def _value(byte: re.Match[str]) -> int:
    return int(byte[1], 16) if byte[1] else int(byte[2], 8)


def _of_bytes(units: list[tuple[int, int]]) -> Iterator[tuple[int, str]]:
    """Read bytes as UTF-8, and those that are not as latin-1."""
    values, at = bytes(value for _, value in units), 0
    while at < len(values):
        lead = values[at]
        length = 1 if lead < 0xC2 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
        try:
            character = values[at : at + length].decode()
        except UnicodeDecodeError:
            character, length = chr(lead), 1
        yield units[at][0], character
        at += length


def _of_units(units: list[tuple[int, int]]) -> Iterator[tuple[int, str]]:
    """Read UTF-16, and half a pair as what it is."""
    at = 0
    while at < len(units):
        start, value = units[at]
        at += 1
        if 0xD800 <= value < 0xDC00 and at < len(units) and 0xDC00 <= units[at][1] < 0xE000:
            value = 0x10000 + ((value - 0xD800) << 10) + units[at][1] - 0xDC00
            at += 1
        yield start, chr(value)
