"""The sites: ``sites.yaml``, ``sites.json`` or ``sites.d/`` in ``CONF_DIR``, or what ``SITEMON_SITES`` names."""

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec

from sitemon import clock
from sitemon.config.documents import Document, read_document
from sitemon.config.locate import conf_dir
from sitemon.config.site_fields import Around, FieldReader, site_of
from sitemon.config.values import kind_of, suggestion
from sitemon.model.errors import ConfigurationError, Mistake
from sitemon.model.site import Site, name_of_url

log = logging.getLogger(__name__)

FILE_NAMES: Final = ("sites.yaml", "sites.json", "sites.d")
SUFFIXES: Final = (".yaml", ".yml", ".json")
LOOK_EVERY_S: Final = 1.0
_TOP: Final = ("defaults", "sites")


class SiteSet(msgspec.Struct, frozen=True, kw_only=True):
    """All configured sites, enabled and disabled ones. `source` is the file or folder, or what is said of none."""

    sites: tuple[Site, ...]
    by_name: Mapping[str, Site]
    source: str


def load_sites(environ: Mapping[str, str] = os.environ, path: Path | None = None) -> SiteSet:
    """Read the sites from `path`, or from where the environment says. No file at all is a set of no sites.

    Raises:
        ConfigurationError: with every mistake in every file.

    """
    source = path or sites_path(environ)
    if source is None:
        return SiteSet(sites=(), by_name=MappingProxyType({}), source=f"no {' or '.join(FILE_NAMES)}")
    reader = _Reader(environ)
    for file in site_files(source):
        reader.read(file)
    if reader.mistakes:
        raise ConfigurationError(reader.mistakes)
    return SiteSet(sites=tuple(reader.sites.values()), by_name=MappingProxyType(reader.sites), source=str(source))


def sites_path(environ: Mapping[str, str]) -> Path | None:
    """Return the file or folder of the sites, or None when there is none.

    Raises:
        ConfigurationError: ``SITEMON_SITES`` names nothing, or ``CONF_DIR`` has two of them.

    """
    named = environ.get("SITEMON_SITES")
    if named:
        path = Path(named).expanduser().absolute()
        if not path.exists():
            raise ConfigurationError([Mistake("SITEMON_SITES", None, "", f"expected a file or folder; no {path}")])
        return path
    found = [path for name in FILE_NAMES if (path := conf_dir(environ) / name).exists()]
    if len(found) > 1:
        problem = f"expected one of {', '.join(FILE_NAMES)}; there are {' and '.join(path.name for path in found)}"
        raise ConfigurationError([Mistake(str(conf_dir(environ)), None, "", problem)])
    return found[0].absolute() if found else None


def site_files(source: Path) -> list[Path]:
    """Return the file itself, or the YAML and JSON files of a folder in the order of their names."""
    if not source.is_dir():
        return [source]
    return sorted(file for file in source.iterdir() if file.suffix in SUFFIXES and not file.name.startswith("."))


def site_from_fields(fields: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> Site:
    """Return the site of fields as in a file, for example of a command line. Without a name, its URL names it.

    Raises:
        ConfigurationError: with every mistake.

    """
    values, problems = FieldReader(Around(Path.cwd(), environ)).read(fields)
    mistakes = [Mistake(".".join(map(str, path)), None, "", problem) for path, problem in problems]
    if "url" not in fields:
        mistakes.append(Mistake("url", None, "", "missing"))
    if mistakes:
        raise ConfigurationError(mistakes)
    return site_of({"name": name_of_url(values["url"]), **values}, {})


class _Reader:
    """Reads files one after the other: their sites, and their mistakes."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.sites: dict[str, Site] = {}
        self.mistakes: list[Mistake] = []
        self._environ = environ
        self._places: dict[str, tuple[Document, int]] = {}

    def read(self, file: Path) -> None:
        """Read one file with its own defaults."""
        try:
            document = read_document(file)
        except ConfigurationError as exc:
            self.mistakes += exc.mistakes
            return
        top = document.value if document.value is not None else {}
        if not isinstance(top, dict):
            self.mistakes.append(document.mistake((), f"expected defaults: and sites:, not {kind_of(top)}"))
            return
        for name in [name for name in top if name not in _TOP]:
            self._complain(document, (name,), f"unknown field{suggestion(str(name), _TOP)}")
        reader = FieldReader(Around(file.absolute().parent, self._environ))
        defaults = self._read_defaults(document, top.get("defaults"), reader)
        self._read_sites(document, top.get("sites"), defaults, reader)

    def _read_defaults(self, document: Document, mapping: object, reader: FieldReader) -> dict[str, Any]:
        if mapping is None:
            return {}
        if not isinstance(mapping, dict):
            self._complain(document, ("defaults",), f"expected a mapping, not {kind_of(mapping)}")
            return {}
        values, problems = reader.read(mapping)
        problems += [((name,), "belongs to a site, not to defaults") for name in ("name", "url") if name in mapping]
        for path, problem in problems:
            self._complain(document, ("defaults", *path), problem)
        return values

    def _read_sites(self, document: Document, listed: object, defaults: dict[str, Any], reader: FieldReader) -> None:
        if listed is None:
            return
        if not isinstance(listed, list):
            self._complain(document, ("sites",), f"expected a list, not {kind_of(listed)}")
            return
        for place, mapping in enumerate(listed):
            if isinstance(mapping, dict):
                self._read_site(document, place, mapping, defaults, reader)
            else:
                self._complain(document, ("sites", place), f"expected a mapping, not {kind_of(mapping)}")

    def _read_site(
        self, document: Document, place: int, mapping: dict[str, Any], defaults: dict[str, Any], reader: FieldReader
    ) -> None:
        values, problems = reader.read(mapping)
        problems += [((), f"{name} is missing") for name in ("name", "url") if name not in mapping]
        for path, problem in problems:
            self._complain(document, ("sites", place, *path), problem)
        name = values.get("name")
        if name is not None and name in self._places:
            first, first_place = self._places[name]
            where = f"{first.name}:{first.line_of(('sites', first_place))}"
            self._complain(document, ("sites", place, "name"), f"{name} stands twice; first at {where}")
        elif name is not None:
            self._places[name] = (document, place)
            if not problems and not self.mistakes:
                self.sites[name] = site_of(values, defaults)

    def _complain(self, document: Document, path: tuple[str | int, ...], problem: str) -> None:
        self.mistakes.append(document.mistake(path, problem))


class SitesWatcher:
    """The sites for a running process: edits are taken up, a bad edit keeps what there was. Thread-safe."""

    def __init__(self, environ: Mapping[str, str] = os.environ, path: Path | None = None) -> None:
        self._environ = environ
        self._path = path
        self._lock = threading.Lock()
        self._looked_at_s = clock.monotonic_s()
        self._seen = self._state()
        self._sites = load_sites(environ, path)
        self._trouble: str | None = None
        if not self._sites.sites:
            log.warning("config.no_sites: nothing is watched: %s", self._sites.source)

    def current(self) -> SiteSet:
        """Return the sites; looks at the files at most once a second. The same object while nothing changed."""
        if clock.monotonic_s() - self._looked_at_s >= LOOK_EVERY_S and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._sites

    def refresh(self) -> SiteSet:
        """Look at the files now and return the sites."""
        with self._lock:
            self._look()
        return self._sites

    def _look(self) -> None:
        self._looked_at_s = clock.monotonic_s()
        state = self._state()
        if state == self._seen:
            return
        try:
            sites = load_sites(self._environ, self._path)
        except ConfigurationError as exc:
            self._keep_old(str(exc))
            self._seen = state
            return
        if not sites.sites and self._sites.sites and sites_are_gone(sites):
            self._keep_old(f"the files of the sites are gone: {sites.source}")
            return
        self._seen, self._trouble = state, None
        if sites != self._sites:
            self._sites = sites
            log.info("config.sites_reloaded: %s sites from %s", len(sites.sites), sites.source)

    def _keep_old(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.error("config.sites_kept: the edit was not taken up: %s", trouble)
        self._trouble = trouble

    def _state(self) -> object:
        """Return what changes when a file is edited, replaced, added or removed."""
        return [(file, _stat_of(file)) for file in self._watched_files()]

    def _watched_files(self) -> Iterator[Path]:
        named = self._environ.get("SITEMON_SITES")
        roots = [self._path] if self._path else [Path(named)] if named else _conf_roots(self._environ)
        for root in roots:
            yield root
            if root.is_dir():
                yield from site_files(root)


def sites_are_gone(sites: SiteSet) -> bool:
    """Tell whether a set is empty because there is no file, as for a moment while an editor replaces it."""
    return not Path(sites.source).exists()


def _conf_roots(environ: Mapping[str, str]) -> list[Path]:
    return [conf_dir(environ) / name for name in FILE_NAMES]


def _stat_of(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
