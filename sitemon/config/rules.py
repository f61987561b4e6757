"""A file of thresholds to try: ``defaults:`` and ``sites:`` as in sites.yaml, with the fields that decide incidents."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from sitemon.config import locate
from sitemon.config.documents import Document, read_document
from sitemon.config.settings import Settings
from sitemon.config.site_fields import FieldReader
from sitemon.config.site_values import Context
from sitemon.config.values import ValuePath, kind_of, suggestion
from sitemon.incident.policy import Policy
from sitemon.model.errors import ConfigurationError, Mistake

FIELDS: Final = Policy.__struct_fields__
"""What a rule may set, each as in sites.yaml."""

_TOP: Final = ("defaults", "sites")


class Rules:
    """Thresholds to try instead of today's. What the file does not name of a site stays as it is.

    What a site has there holds for it alone, ``defaults`` for every other site. `source` is the file.
    """

    def __init__(
        self, document: Document, defaults: Mapping[str, int], by_site: Mapping[str, Mapping[str, int]]
    ) -> None:
        self.source = document.name
        self._document = document
        self._defaults = defaults
        self._by_site = by_site

    def policy(self, site: str, today: Policy) -> Policy:
        """Return the thresholds to try for a site that has these today."""
        return msgspec.structs.replace(today, **{**self._defaults, **self._by_site.get(site, {})})

    def require(self, known: Collection[str]) -> None:
        """Look whether each site of the file is a known one.

        Raises:
            ConfigurationError: with every site that is not.

        """
        unknown = [
            self._document.mistake(("sites", place, "name"), f"nothing is recorded of {name}{suggestion(name, known)}")
            for place, name in enumerate(self._by_site)
            if name not in known
        ]
        if unknown:
            _refuse(unknown)


def load_rules(file: str, environ: Mapping[str, str]) -> Rules:
    """Read a file of rules; a bare name is looked for in the working folder, then in ``CONF_DIR``.

    Raises:
        ConfigurationError: with every mistake in it.

    """
    places = locate.places_of(file, environ)
    found = locate.find(places)
    if found is None:
        raise ConfigurationError([Mistake("", None, file, locate.not_found(places))])
    return _Reader(read_document(found), environ).rules()


class _Reader:
    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self._document = document
        self._fields = FieldReader(Context(Path(), environ, Settings(), {}))
        self._mistakes: list[Mistake] = []

    def rules(self) -> Rules:
        top = self._mapping((), self._document.value if self._document.value is not None else {})
        self._mistakes += [
            self._document.mistake((name,), f"unknown field{suggestion(str(name), _TOP)}")
            for name in top
            if name not in _TOP
        ]
        defaults = self._values(("defaults",), self._mapping(("defaults",), top.get("defaults") or {}))
        by_site = self._sites(top.get("sites") or [])
        if not self._mistakes and not defaults and not any(by_site.values()):
            self._complain((), f"says nothing: expected {' or '.join(FIELDS)}, under defaults or of a site")
        if self._mistakes:
            _refuse(self._mistakes)
        return Rules(self._document, defaults, by_site)

    def _sites(self, listed: object) -> dict[str, dict[str, int]]:
        if not isinstance(listed, list):
            self._complain(("sites",), f"expected a list, not {kind_of(listed)}")
            return {}
        found: dict[str, dict[str, int]] = {}
        for place, value in enumerate(listed):
            fields = dict(self._mapping(("sites", place), value))
            name = fields.pop("name", None)
            if not isinstance(name, str):
                self._complain(("sites", place), "name: missing" if name is None else "name: expected text")
            elif name in found:
                self._complain(("sites", place, "name"), f"{name} stands twice")
            found[str(name)] = self._values(("sites", place), fields)
        return found

    def _values(self, path: ValuePath, fields: Mapping[str, Any]) -> dict[str, int]:
        for name in fields:
            if name not in FIELDS:
                self._complain((*path, name), f"expected {' or '.join(FIELDS)}: recorded rows have no other rules")
        values, problems = self._fields.read({name: fields[name] for name in FIELDS if name in fields})
        for below, problem in problems:
            self._complain((*path, *below), problem)
        return values

    def _mapping(self, path: ValuePath, value: object) -> Mapping[str, Any]:
        if isinstance(value, dict):
            return value
        self._complain(path, f"expected a mapping, not {kind_of(value)}")
        return {}

    def _complain(self, path: ValuePath, problem: str) -> None:
        self._mistakes.append(self._document.mistake(path, problem))


def _refuse(mistakes: list[Mistake]) -> NoReturn:
    """Raise all of them as they are: `sitemon lint`, to which a message with a file points, does not know this one."""
    raise ConfigurationError([Mistake("", None, "", str(mistake)) for mistake in mistakes])
