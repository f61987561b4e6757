"""The sites: ``sites.yaml``, ``sites.json`` or ``sites.d/`` in ``CONF_DIR``, or what ``SITEMON_SITES`` names."""

import gc
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from sitemon import clock
from sitemon.config import locate
from sitemon.config.documents import show_path
from sitemon.config.site_conflicts import conflicts
from sitemon.config.site_fields import FieldReader, site_of
from sitemon.config.site_reader import SiteReader
from sitemon.config.site_values import Around
from sitemon.model.errors import ConfigurationError, Mistake
from sitemon.model.site import Site, name_of_url

log = logging.getLogger(__name__)

FILE_NAMES: Final = ("sites.yaml", "sites.json", "sites.d")
SUFFIXES: Final = (".yaml", ".yml", ".json")
LOOK_EVERY_S: Final = 0.9
"""A little less than the second in which the beat ticks, so that each tick looks."""
SETTLED_MS: Final = 1_000
"""A file that was written this long ago is not being written any more."""


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
    reader = SiteReader(environ)
    return _load(reader, environ, path)


def site_from_fields(fields: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> Site:
    """Return the site of fields as in a file, for example of a command line. Without a name, its URL names it.

    Raises:
        ConfigurationError: with every mistake.

    """
    values, problems = FieldReader(Around(Path.cwd(), environ, set())).read(fields)
    problems += conflicts(values, {})
    mistakes = [Mistake("", None, show_path(path), problem) for path, problem in problems]
    if "url" not in fields:
        mistakes.append(Mistake("", None, "url", "missing"))
    if mistakes:
        raise ConfigurationError(mistakes)
    return site_of({"name": name_of_url(values["url"]), **values}, {})


def sites_path(environ: Mapping[str, str]) -> Path | None:
    """Return the file or folder of the sites, or None when there is none.

    Raises:
        ConfigurationError: ``SITEMON_SITES`` names nothing, or ``CONF_DIR`` has two of them.

    """
    if named := environ.get("SITEMON_SITES"):
        found = locate.find(named, environ)
        if found is None:
            problem = f"{named} {locate.not_found(named, environ)}"
            raise ConfigurationError([Mistake("SITEMON_SITES", None, "", problem)])
        return found
    places = [place for place in _usual_places(environ) if place.exists()]
    if len(places) > 1:
        names = " and ".join(place.name for place in places)
        problem = f"expected one of {', '.join(FILE_NAMES)}; there are {names}"
        raise ConfigurationError([Mistake(str(locate.conf_dir(environ)), None, "", problem)])
    return places[0] if places else None


def _usual_places(environ: Mapping[str, str]) -> list[Path]:
    return [locate.conf_dir(environ) / name for name in FILE_NAMES]


def _files_in(source: Path) -> list[Path]:
    """Return the file itself, or the YAML and JSON files of a folder in the order of their names."""
    if not source.is_dir():
        return [source]
    return sorted(file for file in source.iterdir() if file.suffix in SUFFIXES and not file.name.startswith("."))


def _load(reader: SiteReader, environ: Mapping[str, str], path: Path | None) -> SiteSet:
    source = path or sites_path(environ)
    if source is None:
        places = " or ".join(map(str, _usual_places(environ)))
        return SiteSet(sites=(), by_name=MappingProxyType({}), source=f"nowhere: there is no {places}")
    with _no_garbage_collection():
        for file in _files_in(source):
            reader.read(file)
    if reader.mistakes:
        raise ConfigurationError(reader.mistakes)
    return SiteSet(sites=tuple(reader.sites.values()), by_name=MappingProxyType(reader.sites), source=str(source))


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Pause the collector: among a million new objects without cycles it takes a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class SitesWatcher:
    """The sites for a running process: edits are taken up, a bad edit keeps what there was. Thread-safe.

    An edit is taken up once its files have settled: an editor that empties a file before it writes it must not
    end every site for a moment.

    Raises:
        ConfigurationError: the sites have mistakes at the start.

    """

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        path: Path | None = None,
        monotonic_s: Callable[[], float] = clock.monotonic_s,
    ) -> None:
        self._monotonic_s = monotonic_s
        self._environ = environ
        self._path = path
        self._lock = threading.Lock()
        self._looked_at_s = monotonic_s()
        self._trouble: str | None = None
        reader = SiteReader(environ)
        self._named_files: set[Path] = reader.files
        self._glimpsed = self._state()
        self._sites = _load(reader, environ, path)
        # Only now are the files known that the sites name.
        self._seen = self._glimpsed | _stats_of(self._named_files)
        if not self._sites.sites:
            log.warning("config.no_sites: nothing is watched: no sites from %s", self._sites.source)

    def current(self) -> SiteSet:
        """Return the sites; looks at the files at most about once a second. The same object while nothing changed."""
        is_due = self._monotonic_s() - self._looked_at_s >= LOOK_EVERY_S
        if is_due and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._sites

    def refresh(self) -> SiteSet:
        """Look at the files now and return the sites. Sites that were added are taken up at once."""
        with self._lock:
            self._look()
        return self._sites

    def _look(self) -> None:
        self._looked_at_s = self._monotonic_s()
        state, glimpsed = self._state(), self._glimpsed
        self._glimpsed = state
        if state == self._seen:
            self._trouble = None
        elif state == glimpsed or _is_settled(state):
            self._take_up(state)

    def _take_up(self, state: "_State") -> None:
        reader = SiteReader(self._environ)
        try:
            sites = _load(reader, self._environ, self._path)
        except ConfigurationError as exc:
            self._keep_old(str(exc))
            sites = self._sites
        else:
            if not sites.sites and self._sites.sites and not Path(sites.source).exists():
                self._keep_old(f"no sites from {sites.source}")
                return
            self._trouble = None
            log.info("config.sites_reloaded: %s sites from %s", len(sites.sites), sites.source)
        self._named_files = reader.files
        self._seen = state | _stats_of(reader.files)
        self._sites = sites

    def _keep_old(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.error("config.sites_kept: the edit was not taken up: %s", trouble)
        self._trouble = trouble

    def _state(self) -> "_State":
        """Return what changes when a file is edited, replaced, added or removed."""
        return _stats_of({*self._own_files(), *self._named_files})

    def _own_files(self) -> Iterator[Path]:
        named = self._environ.get("SITEMON_SITES")
        roots = [self._path] if self._path else _usual_places(self._environ)
        if named and not self._path:
            roots = locate.places_of(named, self._environ)
        for root in roots:
            yield root
            if root.is_dir():
                yield from _files_in(root)


_State = dict[Path, tuple[int, int, int] | None]


def _stats_of(files: set[Path]) -> _State:
    return {file: _stat_of(file) for file in files}


def _stat_of(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _is_settled(state: _State) -> bool:
    newest_ms = max((stat[0] // 1_000_000 for stat in state.values() if stat), default=0)
    return clock.now_ms() - newest_ms >= SETTLED_MS
