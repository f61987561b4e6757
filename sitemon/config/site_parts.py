"""The part that a file has in the sites: what was read of it by itself, or is known of it from before."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from sitemon.config.documents import Most, content_of
from sitemon.config.edits import State
from sitemon.config.site_reader import SiteReader
from sitemon.config.site_room import Taken
from sitemon.model.errors import ConfigurationError, Mistake
from sitemon.model.site import DEFAULT_REGION, Site

_WORD: Final = re.compile(rb"[A-Za-z0-9._-]+")
"""What may be the name of a site."""
_LONGEST: Final = Most(4 << 20)
"""To look through more takes longer than to find many a mistake in it."""
_MOST_MISTAKES: Final = 100
"""A running process says the first, and how many more; of 2,000 files it keeps them."""


class Part(NamedTuple):
    """The sites of a file by their names, and how long the files are that it names.

    One that is not `is_fit` has mistakes, or is being written; it may name the sites that are `named`, None: any. What
    it was read from, itself among it, was so before that, which took so much CPU time.
    """

    file: str
    sites: Mapping[str, Site]
    sizes: Mapping[Path, int]
    is_fit: bool = True
    named: Collection[str] | None = ()
    mistakes: Sequence[Mistake] = ()
    read_from: State = {}  # noqa: RUF012  # nobody writes into it
    took_s: float = 0.0

    @property
    def taken(self) -> Taken:
        """What it takes of what is bounded for all sites together."""
        together = {site.regions for site in self.sites.values()}
        regions = {region for regions in together for region in regions} - {DEFAULT_REGION}
        return Taken(self.file, regions, self.sizes)


def read_part(file: Path, environ: Mapping[str, str], known: Collection[str], source: Path | None = None) -> Part:
    """Read a file by itself; see `SiteReader.read`. One with mistakes may name sites that are `known`."""
    reader = SiteReader(environ)
    reader.read(file, source)
    (part,) = parts_in(reader)
    if reader.mistakes:
        return part._replace(
            sites={}, is_fit=False, named=_names_in(file, known), mistakes=reader.mistakes[:_MOST_MISTAKES]
        )
    return part


def parts_in(reader: SiteReader) -> list[Part]:
    """Return the parts of all files that were read, in their order; they are fit while there are no mistakes."""
    sites = _by_file(reader.sites.values())
    return [
        Part(
            str(file),
            sites.get(str(file), {}),
            {one: reader.sizes.get(one, 0) for one in reading.named},
            read_from={**reading.named, file: reading.stat},
            took_s=reading.took_s,
        )
        for file, reading in reader.readings.items()
    ]


def _names_in(file: Path, known: Collection[str]) -> Collection[str] | None:
    try:
        content = content_of(file, _LONGEST)
    except (OSError, ConfigurationError):  # then it may have any name in it
        return None
    return {name for word in _WORD.finditer(content) if (name := word[0].decode()) in known}


def parts_of(sites: Iterable[Site], sizes: Mapping[Path, int]) -> dict[str, Part]:
    """Return the parts that files had in these sites."""
    found = _by_file(sites)
    return {file: Part(file, own, {one: sizes[one] for one in files_of(own.values())}) for file, own in found.items()}


def _by_file(sites: Iterable[Site]) -> dict[str, dict[str, Site]]:
    found: dict[str, dict[str, Site]] = {}
    for site in sites:
        found.setdefault(site.file, {})[site.name] = site
    return found


def files_of(sites: Iterable[Site]) -> set[Path]:
    """Return the files that sites name."""
    found = {file for site in sites for file in (site.tls.ca_file, site.tls.cert_file, site.tls.key_file)}
    return {Path(file) for file in found if file is not None}
