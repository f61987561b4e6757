"""The part that a file has in the sites: what was read of it by itself, or is known of it from before."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from sitemon.config.documents import content_of
from sitemon.config.site_reader import SiteReader
from sitemon.config.site_room import Taken
from sitemon.model.errors import ConfigurationError, Mistake
from sitemon.model.site import DEFAULT_REGION, Site

_WORD: Final = re.compile(rb"[A-Za-z0-9._-]+")
"""What may be the name of a site."""
_LONGEST_BYTES: Final = 4 << 20
"""To look through more takes longer than to find many a mistake in it."""


class Part(NamedTuple):
    """The sites of a file by their names, and how long the files are that it names.

    One that is not `is_fit` has mistakes, or is being written; it may name the sites that are `named`.
    """

    file: str
    sites: Mapping[str, Site]
    sizes: Mapping[Path, int]
    is_fit: bool = True
    named: Collection[str] = ()
    mistakes: Sequence[Mistake] = ()

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
    sizes = {one: reader.sizes.get(one, 0) for one in reader.files}
    if reader.mistakes:
        return Part(str(file), {}, sizes, is_fit=False, named=_names_in(file, known), mistakes=reader.mistakes)
    return Part(str(file), reader.sites, sizes)


def _names_in(file: Path, known: Collection[str]) -> Collection[str]:
    try:
        content = content_of(file)
    except (OSError, ConfigurationError):  # then it may have any name in it
        return known
    if len(content) > _LONGEST_BYTES:
        return known
    return {name for word in _WORD.finditer(content) if (name := word[0].decode()) in known}


def parts_of(sites: Iterable[Site], sizes: Mapping[Path, int]) -> dict[str, Part]:
    """Return the parts that files had in these sites."""
    by_file: dict[str, dict[str, Site]] = {}
    for site in sites:
        by_file.setdefault(site.file, {})[site.name] = site
    return {file: Part(file, own, {one: sizes[one] for one in files_of(own.values())}) for file, own in by_file.items()}


def files_of(sites: Iterable[Site]) -> set[Path]:
    """Return the files that sites name."""
    found = {file for site in sites for file in (site.tls.ca_file, site.tls.cert_file, site.tls.key_file)}
    return {Path(file) for file in found if file is not None}
