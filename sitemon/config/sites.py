"""The sites: ``sites.yaml``, ``sites.json`` or ``sites.d/`` in ``CONF_DIR``, or what ``SITEMON_SITES`` names."""

import gc
import itertools
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from sitemon.config import locate
from sitemon.config.documents import show_path
from sitemon.config.settings import settings_of_sites
from sitemon.config.site_conflicts import conflicts
from sitemon.config.site_fields import FieldReader, site_of
from sitemon.config.site_reader import SiteReader
from sitemon.config.site_values import Context
from sitemon.model.errors import ConfigurationError, Mistake
from sitemon.model.site import Site, name_of_url

FILE_NAMES: Final = ("sites.yaml", "sites.json", "sites.d")
SUFFIXES: Final = (".yaml", ".yml", ".json")
_MOST_FILES: Final = 2_000
"""In a folder, whatever their names: each process lists it, and looks at each of them, every second."""


class SiteSet(msgspec.Struct, frozen=True, kw_only=True):
    """All configured sites, enabled and disabled ones.

    `source` is the file or folder; without one it is empty, and `missing` says which there might be.
    """

    sites: tuple[Site, ...]
    by_name: Mapping[str, Site]
    source: str
    missing: str = ""

    @property
    def summary(self) -> str:
        """How many sites there are, and where they came from."""
        if self.missing:
            return f"no sites: there is no {self.missing}"
        return f"{len(self.sites)} {'site' if len(self.sites) == 1 else 'sites'} from {self.source}"


class CrowdedFolderError(ConfigurationError):
    """A folder has more files than are listed."""


def load_sites(
    environ: Mapping[str, str] = os.environ, path: Path | None = None, channels: Collection[str] | None = None
) -> SiteSet:
    """Read the sites from `path`, or from where the environment says. No file at all is a set of no sites.

    With `channels` a site may name no others.

    Raises:
        ConfigurationError: with every mistake in every file.

    """
    return load_with(SiteReader(environ, channels), environ, path)


def site_from_fields(fields: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> Site:
    """Return the site of fields as in a file, for example of a command line. Without a name, its URL names it.

    Raises:
        ConfigurationError: with every mistake.

    """
    context = Context(Path.cwd(), environ, settings_of_sites(environ), {})
    values, problems = FieldReader(context).read(fields)
    problems += conflicts(values, {}, context.files_below)
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
        places = locate.places_of(named, environ)
        found = locate.find(places)
        if found is None:
            problem = f"{named} {locate.not_found(places)}"
            raise ConfigurationError([Mistake("SITEMON_SITES", None, "", problem)])
        return found
    there = [*filter(locate.exists, usual_places(environ))]
    if len(there) > 1:
        names = " and ".join(place.name for place in there)
        problem = f"expected one of {', '.join(FILE_NAMES)}; there are {names}"
        raise ConfigurationError([Mistake(str(locate.conf_dir(environ)), None, "", problem)])
    return there[0] if there else None


def usual_places(environ: Mapping[str, str]) -> list[Path]:
    """Return where the sites may be when ``SITEMON_SITES`` does not say."""
    return [locate.usual_place(name, environ) for name in FILE_NAMES]


def files_in(source: Path) -> list[Path]:
    """Return the file itself, or the YAML and JSON files of a folder in the order of their names.

    Raises:
        CrowdedFolderError: the folder has too many files.
        ConfigurationError: the folder cannot be read.

    """
    try:
        if not source.is_dir():
            return [source]
        with os.scandir(source) as entries:
            names = [entry.name for entry in itertools.islice(entries, _MOST_FILES + 1)]
    except OSError as exc:
        raise ConfigurationError([Mistake(str(source), None, "", f"cannot be read: {exc.strerror}")]) from exc
    if len(names) > _MOST_FILES:
        raise CrowdedFolderError([Mistake(str(source), None, "", f"more than {_MOST_FILES:,} files")])
    return [source / name for name in sorted(names) if name.endswith(SUFFIXES) and not name.startswith(".")]


def load_with(reader: SiteReader, environ: Mapping[str, str], path: Path | None) -> SiteSet:
    """Do the same with a new reader, which knows afterwards which other files the sites name."""
    source = path or sites_path(environ)
    if source is None:
        return no_sites(environ)
    with no_garbage_collection():
        for file in files_in(source):
            reader.read(file, source)
        reader.finish()
    if reader.mistakes:
        raise ConfigurationError(reader.mistakes)
    return set_of(reader.sites.values(), source)


def no_sites(environ: Mapping[str, str]) -> SiteSet:
    """Return the set where there is no file."""
    places = " or ".join(map(str, usual_places(environ)))
    return SiteSet(sites=(), by_name=MappingProxyType({}), source="", missing=places)


def set_of(sites: Iterable[Site], source: Path) -> SiteSet:
    """Return the set of these sites."""
    by_name = {site.name: site for site in sites}
    return SiteSet(sites=tuple(by_name.values()), by_name=MappingProxyType(by_name), source=str(source))


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Pause the collector: among a million new objects without cycles it takes a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
