"""JSON and YAML files: their values, and the line of each value when a mistake has to be shown."""

import itertools
import json
import re
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from sitemon.config.chosen_files import without_waiting
from sitemon.config.json_lines import JsonLines
from sitemon.config.values import DEEPEST, ValuePath
from sitemon.config.yaml_bounds import Bounds, YamlBoundsError, check_bounds
from sitemon.config.yaml_lines import YamlLines, repeated_keys
from sitemon.config.yaml_loader import Loader
from sitemon.model.errors import ConfigurationError, Mistake


class Most(NamedTuple):
    """How many bytes or values a file may have, and what is said beside that to who wants more."""

    number: int
    more: str = ""


_LONGEST: Final = Most(32 << 20)
"""In bytes. 100,000 sites of seven fields take 18 MB; as text, each may take four bytes of memory."""
_MOST_IN_YAML: Final = Most(800_000, "; as JSON, more can be read")
"""Names of fields count as well. Each takes some 400 bytes in a read, a list or mapping 750: these count twice."""
_MOST_IN_JSON: Final = Most(3_000_000)
"""Of commas, hence of values, and of brackets and braces, which count twice: an empty list takes 64 bytes in a read, a
mapping of one name 184, a short text 80."""
_BYTES_FOR_SITES: Final = 1 << 20, 2 << 10
_VALUES_FOR_SITES: Final = 20_000, 60
"""In a file that may have only so many sites: in any case, and for each of them. One of seven fields takes 16 values in
YAML and 180 bytes, one with all that is usual 54 values and 800 bytes."""
_MOST_REPEATED: Final = 1_000
"""Of one file: nobody reads more."""
_UNMARKED: Final = bytes(set(range(256)) - set(b'"[]{}:'))
_STEPS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1, ord(":"): 0}

_SHOWN: Final = re.compile(r"[^:=\0]{,100}")
"""What may be the name of a field or of a header, but is no line of a file of passwords."""

_HALF_OF_A_PAIR: Final = re.compile(r"\\u[dD][89a-fA-F]")
_TAG_OR_ALIAS: Final = re.compile(r"\b(tag|alias)\b.*")
"""What PyYAML takes a password for that begins with ``!`` or ``*``; then its words hold it."""


class Document:
    """One configuration file that has been read, and how long it was. `name` is how messages call it.

    `line_of_site` finds the line of a site, or of its `depends_on`; it holds less than the document does.
    """

    def __init__(self, path: Path, value: Any, lines: JsonLines | YamlLines, length: int) -> None:
        self.path = path
        self.length = length
        self.name = str(path)
        self.value = value
        self.line_of: Callable[[ValuePath], int | None] = lines.line_of
        self.line_of_site = lines.of_sites()

    def mistake(self, path: ValuePath, problem: str, field: str | None = None) -> Mistake:
        """Return a mistake at the place of a value; `field` replaces the path as its name."""
        return Mistake(self.name, self.line_of(path), show_path(path) if field is None else field, problem)


def show_path(path: ValuePath) -> str:
    """Return a path as people write it: ``expect.status[0]``.

    What can be no name of a field is left out: whoever may edit sites can have a foreign file read, by a link to it.
    """
    return "".join(f"[{step}]" if isinstance(step, int) else f".{_shown(step)}" for step in path).removeprefix(".")


def _shown(name: object) -> str:
    return str(name) if _SHOWN.fullmatch(str(name)) else "…"


def read_document(file: Path, most_sites: int | None = None) -> Document:
    """Read a JSON file (by its suffix), or a YAML one.

    Where it may have only so many sites, it is no longer, and has no more values, than these need: all of it is in
    memory before they are counted.

    Raises:
        ConfigurationError: it cannot be read, is not valid, or has a key twice; with the line.

    """
    try:
        longest = _most(_LONGEST, _BYTES_FOR_SITES, most_sites)
        content = content_of(file, longest)
        if file.suffix == ".json":
            return _read_json(content, file, _most(_MOST_IN_JSON, _VALUES_FOR_SITES, most_sites))
        most = _most(_MOST_IN_YAML, _VALUES_FOR_SITES, most_sites)
        return _read_yaml(content, file, Bounds(*most, longest.number))
    except OSError as exc:
        raise _refused(file, None, f"cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise _refused(file, exc.object[: exc.start].count(b"\n") + 1, "expected text in UTF-8") from exc
    except RecursionError as exc:
        raise _refused(file, None, "nested too deeply") from exc


def _most(of_any: Most, for_sites: tuple[int, int], most_sites: int | None) -> Most:
    if most_sites is None:
        return of_any
    at_least, a_site = for_sites
    return min(of_any, Most(at_least + a_site * most_sites, ": see SITEMON_SITES_PER_FILE"))


def content_of(file: Path, longest: Most) -> bytes:
    """Return what is in a file. A pipe and a device may never end, and to open some devices does something.

    Raises:
        ConfigurationError: it is one, or is too long.
        OSError: it cannot be read.

    """
    mode = file.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise _refused(file, None, "expected a file, not a pipe or a device")
    with open(file, "rb", opener=without_waiting) as opened:
        content = opened.read(longest.number + 1) or b""
    if len(content) > longest.number:
        raise _refused(file, None, f"longer than {longest.number / 2**20:.3g} MiB{longest.more}")
    return content


def _refused(file: Path, line: int | None, problem: str) -> ConfigurationError:
    return ConfigurationError([Mistake(str(file), line, "", problem)])


def _read_json(written: bytes, file: Path, most: Most) -> Document:
    if written.count(b",") + 2 * (written.count(b"[") + written.count(b"{")) > most.number:
        raise _refused(file, None, f"more than {most.number:,} values, each list and mapping as two{most.more}")
    marks = _marks_outside_of_texts(written)
    if _depth_of(marks) > DEEPEST:
        raise _refused(file, None, f"nested more than {DEEPEST} deep")
    content = written.decode("utf-8-sig")
    lines = JsonLines(content)
    members = 0

    def counted(mapping: dict[str, Any]) -> dict[str, Any]:
        nonlocal members
        members += len(mapping)
        return mapping

    try:
        value = json.loads(content, object_hook=counted)
    except json.JSONDecodeError as exc:
        raise _refused(file, exc.lineno, f"not valid JSON: {exc.msg[:1].lower()}{exc.msg[1:]}") from exc
    except ValueError as exc:
        raise _refused(file, None, "not valid JSON: a number has too many digits") from exc
    if members < marks.count(b":"):
        del value  # its memory is for the keys, which are looked through once more
        raise _repeated(file, itertools.islice(lines.repeated_keys(), _MOST_REPEATED))
    if _HALF_OF_A_PAIR.search(content) and not _is_text(value):
        raise _refused(file, None, "expected text of whole characters, not halves of surrogate pairs")
    return Document(file, value, lines, len(written))


def _marks_outside_of_texts(content: bytes) -> bytes:
    """Return the brackets, braces and colons of JSON: of these there is one for each member of an object."""
    marks = content.replace(rb"\\", b"").replace(rb"\"", b"").translate(None, _UNMARKED)
    return b"".join(marks.replace(b'""', b"").split(b'"')[::2])


def _depth_of(marks: bytes) -> int:
    """Return how deep JSON is nested: json calls itself as often."""
    return max(itertools.accumulate(map(_STEPS.__getitem__, marks)), default=0)


def _is_text(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_yaml(written: bytes, file: Path, most: Bounds) -> Document:
    written.decode()  # libyaml takes bytes, and other encodings than UTF-8
    try:
        check_bounds(yaml.parse(written, Loader=Loader), most)
        loader = Loader(written)
        try:
            node = loader.get_single_node()
            # Before construction, which writes merged keys into the nodes, all of a mapping's anew for each <<.
            repeated = list(itertools.islice(repeated_keys(node), _MOST_REPEATED))
            if repeated:
                raise _repeated(file, repeated)
            value = None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except YamlBoundsError as exc:
        raise _refused(file, exc.line, exc.problem) from exc
    except yaml.YAMLError as exc:
        raise _refused(file, _line_of_error(exc), f"not valid YAML: {_words_of(exc)}") from exc
    except ValueError as exc:
        raise _refused(file, None, "not valid YAML: a date or a number is out of range") from exc
    except (AttributeError, KeyError) as exc:  # PyYAML, of text after !!timestamp and !!bool
        raise _refused(file, None, "not valid YAML: a value is not of the type that its tag says") from exc
    return Document(file, value, YamlLines(node), len(written))


def _repeated(file: Path, keys: Iterable[tuple[str, int, int]]) -> ConfigurationError:
    found = sorted(keys, key=lambda one: one[1])
    return ConfigurationError(
        [Mistake(str(file), line, _shown(key), f"stands twice; first on line {first}") for key, line, first in found]
    )


def _line_of_error(exc: yaml.YAMLError) -> int | None:
    mark = getattr(exc, "problem_mark", None)
    return mark.line + 1 if mark else None


def _words_of(exc: yaml.YAMLError) -> str:
    words = getattr(exc, "problem", None) or getattr(exc, "reason", None) or "cannot be read"
    return _TAG_OR_ALIAS.sub(r"\1 (text that begins with ! or * belongs in quotes)", " ".join(str(words).split()))
