"""Reads the files of the sites, one after the other: their sites, and their mistakes."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from sitemon import clock
from sitemon.config import own_folders
from sitemon.config.documents import Document, read_document, show_path
from sitemon.config.edits import Stat, State, stat_of
from sitemon.config.settings import PUBLIC, settings_of_sites
from sitemon.config.site_alerts import unknown_channels
from sitemon.config.site_conflicts import conflicts
from sitemon.config.site_fields import FieldReader, site_of
from sitemon.config.site_maintenance import dependency_problems
from sitemon.config.site_room import NOTHING, Room, Taken, excess_of, excess_of_one, growth
from sitemon.config.site_values import Context
from sitemon.config.values import Problem, ValuePath, kind_of, suggestion
from sitemon.model.errors import ConfigurationError, Mistake
from sitemon.model.site import DEFAULT_REGION, Site

_TOP: Final = ("defaults", "sites")
_REQUIRED: Final = ("name", "url")
_MOST_MISTAKES: Final = 1_000
"""Of one file: nobody reads more, and to say well what is wrong takes longer than to read what is right."""
_READ_S: Final = 5.0
_READ_S_A_BYTE: Final = 2 / 2**20
"""Of CPU, for what stands in a file: 1 MiB of sites takes 0.1 to 0.25 s, where each has a regex or JSON path of its own
0.6, of nothing but paths with filters 3.7. On a machine three times as slow any file of the former has it."""
_COUNTED: Final = "each once for each region, and for each KiB of its URL, `match` and labels"


class Reading(NamedTuple):
    """What a file was read from: as it was before, as those were that it names; and the CPU time that it took.

    One that could not be read was as none: that may pass without an edit.
    """

    stat: Stat | None
    named: State
    took_s: float


class SiteReader:
    """The sites and the mistakes of all files read so far; the sites are whole only while there is no mistake.

    `channels` are those that sites may name; None: any, for who does not know them. `readings` are by the file that was
    read, `sizes` how long the further files are that the sites name. What stands in a file that is read later is at
    fault where it does not go with an earlier one.
    """

    def __init__(self, environ: Mapping[str, str], channels: Collection[str] | None = None) -> None:
        self.sites: dict[str, Site] = {}
        self.mistakes: list[Mistake] = []
        self.readings: dict[Path, Reading] = {}
        self.sizes: dict[Path, int] = {}
        self._environ = environ
        self._channels = channels
        self._choices = settings_of_sites(environ)
        # Not the documents: their values and nodes are a million objects, and are to go before the next file is read.
        self._read_files: list[tuple[str, Callable[[ValuePath], int | None]]] = []
        self._places: dict[str, tuple[int, int]] = {}
        self._regions: set[str] = set()
        self._taken: list[Taken] = []
        self._gateways: dict[str, tuple[str, ...]] = {}

    def read(self, file: Path, source: Path | None = None) -> None:
        """Read one file with its own defaults. An empty file has no sites.

        Unless it is the `source` of all sites, it may stand beside files of others.
        """
        began_s = clock.thread_cpu_s()
        stat, named = stat_of(file), State()
        try:
            self._read(file, named, "" if file == source else own_folders.name_of(file))
        except ConfigurationError as exc:
            self.mistakes += exc.mistakes
            if isinstance(exc.__cause__, OSError):
                stat = None
        except RecursionError:
            self.mistakes.append(Mistake(str(file), None, "", "nested too deeply"))
        except Exception as exc:  # noqa: BLE001  # nobody else's sites wait for this file
            problem = f"cannot be read, by a mistake in sitemon: {type(exc).__name__}"
            self.mistakes.append(Mistake(str(file), None, "", problem))
        self.readings[file] = Reading(stat, named, clock.thread_cpu_s() - began_s)

    def _read(self, file: Path, files: State, own_folder: str) -> None:
        document = read_document(file, self._choices.most_sites_of_file)
        self._read_files.append((document.name, document.line_of_site))
        self._regions = set()
        top = document.value if document.value is not None else {}
        if not isinstance(top, dict):
            self._complain(document, (), f"expected defaults: and sites:, not {kind_of(top)}")
            return
        for name in islice((name for name in top if name not in _TOP), _MOST_MISTAKES):
            self._complain(document, (name,), f"unknown field{suggestion(str(name), _TOP)}")
        most_s = _READ_S + _READ_S_A_BYTE * document.length
        until = clock.monotonic_s() + most_s, clock.thread_cpu_s() + most_s
        reader = FieldReader(Context(file.absolute().parent, self._environ, self._choices, files, own_folder, *until))
        defaults = self._read_defaults(document, top.get("defaults"), reader)
        self._read_sites(document, top.get("sites"), defaults, reader)
        self._add_files(document, files)

    def finish(self) -> None:
        """Look at what can be wrong only when all files are read: who takes too much, on which sites others depend."""
        self._look_for_room()
        if self._choices.address_policy == PUBLIC:
            self._look_for_shared_folders()
        for name, problem in islice(dependency_problems(self._gateways, self._places), _MOST_MISTAKES):
            file, place = self._places[name]
            file_name, line_of = self._read_files[file]
            line = line_of(("sites", place, "depends_on"))
            self.mistakes.append(Mistake(file_name, line, f"{name}: depends_on", problem))

    def _look_for_room(self) -> None:
        """Complain about files that take more than their share, then about those for which others leave no room."""
        if len(self._taken) > 1:
            found = {one.file: excess for one in self._taken if (excess := excess_of_one(one))}
            growing = [(one, NOTHING) for one in self._taken if one.file not in found]
            found |= dict(Room().without(sorted(growing, key=lambda one: growth(*one))))
            self.mistakes += [Mistake(file, None, *excess) for file, excess in found.items()]

    def _look_for_shared_folders(self) -> None:
        shared = own_folders.shared(one.file for one in self._taken)
        for one in self._taken:
            if one.sizes and one.file in shared:
                problem = own_folders.shared_problem(one.file, shared[one.file])
                self.mistakes.append(Mistake(one.file, None, "tls", problem))

    def _read_defaults(self, document: Document, mapping: object, reader: FieldReader) -> dict[str, Any]:
        if mapping is None:
            return {}
        if not isinstance(mapping, dict):
            self._complain(document, ("defaults",), f"expected a mapping, not {kind_of(mapping)}")
            return {}
        own = [name for name in _REQUIRED if name in mapping]
        values, problems = reader.read({name: value for name, value in mapping.items() if name not in own})
        problems += self._unknown_channels(values, mapping)
        problems += [((name,), "belongs to a site, not to defaults") for name in own]
        for path, problem in problems:
            self._complain(document, ("defaults", *path), problem)
        return values

    def _read_sites(self, document: Document, listed: object, defaults: dict[str, Any], reader: FieldReader) -> None:
        if listed is None:
            return
        if not isinstance(listed, list):
            self._complain(document, ("sites",), f"expected a list, not {kind_of(listed)}")
            return
        most = self._choices.most_sites_of_file or math.inf
        left, before = most, len(self.mistakes)
        for place, mapping in enumerate(listed):
            is_enough = len(self.mistakes) - before >= _MOST_MISTAKES
            if is_enough or reader.context.is_late:
                why = "there are mistakes enough" if is_enough else "the file takes too long to read"
                self._complain(document, ("sites", place), f"nothing is read from here on: {why}")
                return
            site = None
            if isinstance(mapping, dict):
                site = self._read_site(document, place, mapping, defaults, reader)
            else:
                self._complain(document, ("sites", place), f"expected a mapping, not {kind_of(mapping)}")
            left -= _count_of(site) if site else 1
            if left < 0:
                problem = f"expected at most {most:,} sites in a file, {_COUNTED}: see SITEMON_SITES_PER_FILE"
                self._complain(document, ("sites", place), problem)
                return

    def _read_site(
        self, document: Document, place: int, mapping: dict[str, object], defaults: dict[str, Any], reader: FieldReader
    ) -> Site | None:
        """Read a site and return it; None: it has mistakes, or others before it have."""
        values, problems = reader.read(mapping)
        problems += self._unknown_channels(values, mapping)
        problems += [((name,), "missing") for name in _REQUIRED if name not in mapping]
        problems += conflicts(values, defaults, reader.context.files_below)
        regions = values.get("regions", defaults.get("regions", ()))
        gateways = values.get("depends_on", defaults.get("depends_on", ()))
        problems += self._beside_others(values.get("name"), place, regions, gateways)
        if problems:
            self._complain_about_site(document, place, values.get("name", f"sites[{place}]"), problems)
            return None
        if self.mistakes:
            return None
        site = self.sites[values["name"]] = site_of(
            {**values, "file": document.name}, defaults, reader.context.files_below
        )
        return site

    def _beside_others(
        self, name: str | None, place: int, regions: Iterable[str], gateways: tuple[str, ...]
    ) -> list[Problem]:
        """Note a site, or one without a name, and return what does not go with those before it."""
        problems: list[Problem] = []
        if not self._regions.issuperset(regions):
            together = self._regions.union(regions) - {DEFAULT_REGION}
            if excess := excess_of(len(together)):
                problems.append((("regions",), excess[1]))
            else:
                self._regions = together
        if name in self._places:
            problems.append((("name",), f"stands twice; first at {self._first_place(name)}"))
        elif name is not None:
            self._places[name] = (len(self._read_files) - 1, place)
            if gateways:
                self._gateways[name] = gateways
        return problems

    def _add_files(self, document: Document, files: State) -> None:
        sizes = {file: self.sizes.get(file, stat[1] if stat else 0) for file, stat in files.items()}
        if excess := excess_of(len(self._regions), len(sizes), sum(sizes.values())):
            self._complain(document, ("tls",), excess[1])
        else:
            self.sizes |= sizes
            self._taken.append(Taken(document.name, self._regions, sizes))

    def _unknown_channels(self, values: Mapping[str, Any], mapping: Mapping[Any, object]) -> list[Problem]:
        if self._channels is None or "alerts" not in values:
            return []
        found = unknown_channels(values["alerts"], mapping["alerts"], self._channels)
        return [(("alerts", *path), problem) for path, problem in found]

    def _first_place(self, name: str) -> str:
        file, place = self._places[name]
        file_name, line_of = self._read_files[file]
        line = line_of(("sites", place))
        return file_name if line is None else f"{file_name}:{line}"

    def _complain_about_site(self, document: Document, place: int, name: str, problems: list[Problem]) -> None:
        for path, problem in problems:
            mistake = document.mistake(("sites", place, *path), problem, f"{name}: {show_path(path)}")
            self.mistakes.append(mistake)

    def _complain(self, document: Document, path: ValuePath, problem: str) -> None:
        self.mistakes.append(document.mistake(path, problem))


def _count_of(site: Site) -> int:
    """Return for how many sites one counts: what it costs others grows with its regions, and what is told of it."""
    told = (site.url, site.match or "", *chain.from_iterable(site.labels.items()))
    return len(site.regions) * max(1, math.ceil(sum(len(text.encode()) for text in told) / 1024))
