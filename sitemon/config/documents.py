"""JSON and YAML files: their values, and the line of each value when a mistake has to be shown.

Values of JSON come from a JSON reader; lines always come from YAML nodes, since JSON is nearly YAML, and are only
looked for when there is a mistake.
"""

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from sitemon.config.values import ValuePath
from sitemon.model.errors import ConfigurationError, Mistake

_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_JSON_KEY: Final = re.compile(r'"\s*:')
"""As many as there are keys, unless one stands twice or a text looks like one: then the nodes are looked at."""
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


class Document:
    """One configuration file that has been read. `name` is how messages call it."""

    def __init__(self, path: Path, value: Any, text: str, node: yaml.Node | None = None) -> None:
        self.path = path
        self.name = str(path)
        self.value = value
        self._text = text
        self._given_node = node

    def mistake(self, path: ValuePath, problem: str, field: str | None = None) -> Mistake:
        """Return a mistake at the place of a value; `field` replaces the path as its name."""
        return Mistake(self.name, self.line_of(path), field if field is not None else show_path(path), problem)

    def line_of(self, path: ValuePath) -> int | None:
        """Return the line of a value, or of the nearest thing around it that exists; None if that is unknown."""
        node, line = self._node, None
        for step in path:
            if node is None:
                break
            line, node = _child(node, step)
        return line or (self._node.start_mark.line + 1 if self._node is not None else None)

    @functools.cached_property
    def _node(self) -> yaml.Node | None:
        return self._given_node if self._given_node is not None else _json_node(self._text)


def show_path(path: ValuePath) -> str:
    """Return a path as people write it: ``expect.status[0]``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def read_document(file: Path) -> Document:
    """Read a JSON file (by its suffix), or a YAML one.

    Raises:
        ConfigurationError: it cannot be read, is not valid, or has a key twice; with the line.

    """
    name = str(file)
    try:
        content = file.read_bytes().decode("utf-8-sig")
    except OSError as exc:
        raise ConfigurationError([Mistake(name, None, "", f"cannot be read: {exc.strerror}")]) from exc
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        raise ConfigurationError([Mistake(name, line, "", "expected text in UTF-8")]) from exc
    reader = _read_json if file.suffix == ".json" else _read_yaml
    try:
        return reader(content, file)
    except RecursionError as exc:
        raise ConfigurationError([Mistake(name, None, "", "nested too deeply")]) from exc


def _read_json(content: str, file: Path) -> Document:
    name = str(file)
    try:
        value = msgspec.json.decode(content)
    except msgspec.DecodeError as exc:
        raise ConfigurationError([_json_mistake(exc, content, name)]) from exc
    document = Document(file, value, content)
    if len(_JSON_KEY.findall(content)) != _keys_in(value) and (node := _json_node(content)) is not None:
        repeated = list(_repeated_keys(node, name))
        if repeated:
            raise ConfigurationError(repeated)
    return document


def _json_mistake(exc: msgspec.DecodeError, content: str, name: str) -> Mistake:
    """Say what is wrong in the standard library's words, which know the line."""
    try:
        json.loads(content)
    except json.JSONDecodeError as known:
        return Mistake(name, known.lineno, "", f"not valid JSON: {known.msg[:1].lower()}{known.msg[1:]}")
    except ValueError:
        pass
    return Mistake(name, None, "", f"not valid JSON: {exc}")


def _keys_in(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(_keys_in(one) for one in value.values() if isinstance(one, dict | list))
    return sum(_keys_in(one) for one in value if isinstance(one, dict | list)) if isinstance(value, list) else 0


def _json_node(content: str) -> yaml.Node | None:
    """Compose JSON as YAML; None where that fails.

    YAML refuses two things that JSON allows: tabs between tokens, and halves of surrogate pairs.
    """
    try:
        return yaml.compose(_SURROGATE.sub(r"\\ufffd", content.replace("\t", " ")), Loader=_Loader)
    except (yaml.YAMLError, RecursionError):
        return None


def _read_yaml(content: str, file: Path) -> Document:
    name = str(file)
    try:
        loader = _Loader(content)
        try:
            node = loader.get_single_node()
            # Before construction, which writes merged keys into the nodes.
            repeated = list(_repeated_keys(node, name)) if node is not None else []
            value = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except yaml.YAMLError as exc:
        raise ConfigurationError([_yaml_mistake(exc, name)]) from exc
    except ValueError as exc:
        raise ConfigurationError(
            [Mistake(name, None, "", "not valid YAML: a date or a number is out of range")]
        ) from exc
    if repeated:
        raise ConfigurationError(repeated)
    return Document(file, value, content, node)


def _yaml_mistake(exc: yaml.YAMLError, name: str) -> Mistake:
    mark = getattr(exc, "problem_mark", None)
    words = getattr(exc, "problem", None) or getattr(exc, "reason", None) or "cannot be read"
    return Mistake(name, mark.line + 1 if mark else None, "", f"not valid YAML: {' '.join(str(words).split())}")


def _repeated_keys(node: yaml.Node, name: str) -> Iterator[Mistake]:
    seen_nodes: set[int] = set()
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if id(here) in seen_nodes:
            continue
        seen_nodes.add(id(here))
        if isinstance(here, yaml.MappingNode):
            yield from _repeated_in(here, name)
            waiting += [value for _, value in reversed(here.value)]
        elif isinstance(here, yaml.SequenceNode):
            waiting += reversed(here.value)


def _repeated_in(node: yaml.MappingNode, name: str) -> Iterator[Mistake]:
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        line, word = key.start_mark.line + 1, (key.tag, key.value)
        if word in lines:
            yield Mistake(name, line, key.value, f"stands twice; first on line {lines[word]}")
        lines.setdefault(word, line)


def _child(node: yaml.Node, step: str | int) -> tuple[int | None, yaml.Node | None]:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line + 1, node.value[step]
    if isinstance(node, yaml.MappingNode):
        # The last one counts: merged keys were written before the mapping's own.
        for key, value in reversed(node.value):
            if key.value == step:
                return key.start_mark.line + 1, value
    return None, None
