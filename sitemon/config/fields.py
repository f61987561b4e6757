"""The fields of one server file, each from the file or from the environment, which wins."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sitemon.config import locate
from sitemon.config.documents import Document, read_document
from sitemon.config.values import Parser, UnfitError, ValuePath, kind_of, suggestion
from sitemon.model.errors import ConfigurationError, Mistake


class FileKind(NamedTuple):
    """What a server file may hold.

    `paths` names the fields that are files, `keys` those of them that hold private keys, `secrets` the fields whose
    value must not be shown.
    """

    file_name: str
    prefix: str
    parsers: Mapping[str, Parser]
    required: Sequence[str]
    paths: Sequence[str] = ()
    keys: Sequence[str] = ()
    secrets: Sequence[str] = ()

    def variable(self, field: str) -> str:
        """Return the environment variable of a field."""
        return self.prefix + field.upper()


class Fields:
    """The values of a file kind and the mistakes found in them so far."""

    def __init__(self, kind: FileKind, environ: Mapping[str, str], document: Document | None) -> None:
        self.values: dict[str, Any] = {}
        self.mistakes: list[Mistake] = []
        self._kind = kind
        self._environ = environ
        self._document = document
        self._in_file: dict[str, Any] = {} if document is None else document.value

    @classmethod
    def read(cls, kind: FileKind, file: str | None, environ: Mapping[str, str]) -> "Fields":
        """Read all fields of a kind; `file` is the one that the command line named, if it did.

        Raises:
            ConfigurationError: that file does not exist, or what there is cannot be read or has no fields.

        """
        document = _open(kind, file, environ)
        fields = cls(kind, environ, document)
        if document is not None:
            fields._refuse_unknown(document)
        for field, parse in kind.parsers.items():
            fields._read(field, parse)
        fields._require()
        return fields

    def complain(self, field: str, problem: str, path: ValuePath = ()) -> None:
        """Add a mistake at the place that the field's value came from; `path` leads into the value."""
        variable = self._kind.variable(field)
        if self._environ.get(variable):
            self.mistakes.append(Mistake(variable, None, "", problem))
        elif self._document is not None:
            self.mistakes.append(self._document.mistake((field, *path), problem))
        else:
            self.mistakes.append(Mistake(variable, None, "", problem))

    def require(self, field: str, problem: str) -> None:
        """Complain unless the field is given, well or badly."""
        if not self._is_given(field):
            self.complain(field, problem)

    def require_together(self, first: str, second: str) -> None:
        """Complain when only one of two fields is given."""
        for given, other in ((first, second), (second, first)):
            if self._is_given(given):
                self.require(other, f"missing; {given} needs it")

    def refuse(self, fields: Iterable[str], problem: str) -> None:
        """Complain about each of these fields that is given and is fit in itself."""
        for field in fields:
            if field in self.values:
                self.complain(field, problem)

    def finish(self) -> None:
        """Warn when others can read the secrets.

        Raises:
            ConfigurationError: there are mistakes.

        """
        if self.mistakes:
            raise ConfigurationError(self.mistakes)
        if self._document is not None and any(_is_secret(self._in_file.get(name)) for name in self._kind.secrets):
            locate.warn_if_exposed(self._document.path)
        for name in self._kind.keys:
            if name in self.values:
                locate.warn_if_exposed(Path(self.values[name]))

    def _refuse_unknown(self, document: Document) -> None:
        for name in self._in_file:
            if name not in self._kind.parsers:
                problem = f"unknown field{suggestion(name, self._kind.parsers)}"
                self.mistakes.append(document.mistake((name,), problem))

    def _read(self, field: str, parse: Parser) -> None:
        value: object = self._environ.get(self._kind.variable(field)) or None
        folder = Path()
        if value is None and self._document is not None:
            value, folder = self._in_file.get(field), self._document.path.parent
        if value is None:
            return
        try:
            parsed = parse(value)
            self.values[field] = readable_file(folder, parsed) if field in self._kind.paths else parsed
        except UnfitError as exc:
            self.complain(field, exc.problem, exc.path)

    def _is_given(self, field: str) -> bool:
        return bool(self._environ.get(self._kind.variable(field))) or self._in_file.get(field) is not None

    def _require(self) -> None:
        lacking = [field for field in self._kind.required if not self._is_given(field)]
        if lacking and self._document is None and len(lacking) == len(self._kind.required):
            variables = " and ".join(self._kind.variable(field) for field in lacking)
            places = [locate.usual_place(self._kind.file_name, self._environ)]
            problem = f"{locate.not_found(places)}; put it there or set {variables}"
            self.mistakes.append(Mistake(self._kind.file_name, None, "", problem))
            return
        for field in lacking:
            if self._document is None:
                self.complain(field, f"not set, and there is no {self._kind.file_name}")
            else:
                self.complain(field, f"missing; give it here or in {self._kind.variable(field)}")


def _is_secret(value: object) -> bool:
    """Tell whether a value is a secret: any text is, but a URL only when it carries a user or password."""
    return isinstance(value, str) and bool(value) and ("://" not in value or "@" in value)


def readable_file(folder: Path, path: str) -> str:
    """Return the absolute path of a file that exists and that we may read; a relative one starts at `folder`.

    Raises:
        UnfitError: there is none.

    """
    file = (folder / locate.expanded(path)).absolute()
    if not (locate.exists(file) and file.is_file()):
        raise UnfitError(f"expected a file; there is none at {file}")
    if not os.access(file, os.R_OK):
        raise UnfitError(f"expected a file that can be read; {file} cannot")
    return str(file)


def _open(kind: FileKind, file: str | None, environ: Mapping[str, str]) -> Document | None:
    places = [locate.usual_place(kind.file_name, environ)] if file is None else locate.places_of(file, environ)
    found = locate.find(places)
    if found is None and file is not None:
        raise ConfigurationError([Mistake(file, None, "", locate.not_found(places))])
    if found is None:
        return None
    document = read_document(found)
    if not isinstance(document.value, dict):
        problem = f"expected an object of fields, not {kind_of(document.value)}"
        raise ConfigurationError([document.mistake((), problem)])
    return document
