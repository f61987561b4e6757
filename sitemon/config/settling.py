"""What of the files of sites goes together: a file at fault has the sites that it had before."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from sitemon.config import own_folders
from sitemon.config.site_maintenance import MOST_RINGS, leading_into_rings, ring_problem, rings
from sitemon.config.site_parts import Part, files_of, parts_of
from sitemon.config.site_room import Excess, Room, excess_of_one, growth, takes_more
from sitemon.model.errors import Mistake
from sitemon.model.site import Site


class Before(NamedTuple):
    """What there was before: sites by their names, which go together, and how long the files are that they name.

    The `whole` ones are from before any file was at fault; some stand `nowhere`. `refused` are files, and `free` the
    sites that stand nowhere: for how many settlings in a row, with one before in a file that was being written.
    """

    sites: Mapping[str, Site]
    sizes: Mapping[Path, int]
    whole: Mapping[str, Site]
    refused: Mapping[str, int]
    free: Mapping[str, int]
    nowhere: Collection[str]


class Settling:
    """Parts of files, those of least doubt first, against those that there were before.

    Each gives way to its old one at most once, and then in turn what does not go with that: the work is linear. Of
    the whole sites, those that stand nowhere stay while a file at fault may name them: no other one may have their
    names than who claimed them first.
    """

    def __init__(self, parts: Iterable[Part], before: Before) -> None:
        self.kept: set[str] = set()
        self.mistakes: list[Mistake] = []
        self.nowhere: Collection[str] = ()
        self._parts = {part.file: part for part in parts}
        self._shared = own_folders.shared(self._parts)
        self._ranks = {file: rank for rank, file in enumerate(self._parts)}
        self._before = before
        standing = (site for name, site in before.sites.items() if name not in before.nowhere)
        self._old = parts_of(standing, before.sizes)
        self._whole = dict(before.whole)
        self._owners = self._find_owners()
        self._taken: dict[str, Part] = {}
        self._file_of: dict[str, str] = {}
        self._named: set[str] = set()
        self._room = Room()
        self._without_room = self._who_has_no_room()
        self._behind: dict[str, list[Site]] = {}
        for part in self._parts.values():
            for site in part.sites.values():
                for gateway in site.depends_on:
                    self._behind.setdefault(gateway, []).append(site)
        self._lost = [*self._behind]

    def sites(self) -> list[Site]:
        """Return the sites that go together; then it is known which files are `kept`, and for which `mistakes`."""
        for part in self._parts.values():
            if not part.is_fit:
                self._keep(part.file, *part.mistakes)
        for part in self._parts.values():
            twice = self._first_of_another(part)
            if twice is not None:
                self._keep(part.file, self._twice(part.file, twice))
            elif part.file not in self.kept:
                excess = self._excess_of_one(part) or self._excess_of_folder(part)
                if excess:
                    self._keep(part.file, Mistake(part.file, None, *excess))
                else:
                    self._take(part)
        self._settle()
        self._break_rings()
        found = {name: site for _, part in sorted(self._taken.items()) for name, site in part.sites.items()}
        missing = self._missing()
        self.nowhere = missing.keys()
        found |= missing
        for name, site in found.items():
            there = tuple(gateway for gateway in site.depends_on if gateway in found) if site.depends_on else ()
            if there != site.depends_on:
                found[name] = msgspec.structs.replace(site, depends_on=there)
        return list(found.values())

    @property
    def free(self) -> dict[str, int]:
        """For how many settlings in a row sites are free; see `Before`."""
        written = {part.file for part in self._parts.values() if not part.is_fit and not part.mistakes}
        names = [name for file in written & self._old.keys() for name in self._old[file].sites]
        return dict.fromkeys(names, 1) | {name: self._before.free.get(name, 0) + 1 for name in self.nowhere}

    @property
    def sizes(self) -> dict[Path, int]:
        """How long the files are, or were, that the sites name."""
        return dict(sorted(self._room.sizes))

    def _take(self, part: Part) -> None:
        self._taken[part.file] = part
        self._file_of.update(dict.fromkeys(part.sites, part.file))
        self._room.change(part.taken, 1)

    def _keep(self, file: str, *mistakes: Mistake) -> None:
        waiting = [(file, mistakes)]
        while waiting:
            file, mistakes = waiting.pop()
            if file in self.kept:
                continue
            self.kept.add(file)
            self.mistakes += mistakes
            self._named.update(self._named_by(self._parts[file]))
            if file in self._taken:
                self._leave(self._taken.pop(file))
            if file in self._old:
                old = self._old[file]
                others = {self._file_of[name]: name for name in old.sites if name in self._file_of}
                waiting += [(other, (self._twice(other, name, file),)) for other, name in others.items()]
                self._take(old)

    def _leave(self, part: Part) -> None:
        for name in part.sites:
            if self._file_of[name] == part.file:
                del self._file_of[name]
                self._lost.append(name)
        self._room.change(part.taken, -1)

    def _first_of_another(self, part: Part) -> str | None:
        # Nearly always there is none, and to ask for each of 100,000 names takes several times as long.
        if self._file_of.keys().isdisjoint(part.sites) and {None, part.file}.issuperset(
            map(self._owners.get, part.sites)
        ):
            return None
        return next(
            name for name in part.sites if name in self._file_of or self._owners.get(name, part.file) != part.file
        )

    def _twice(self, file: str, name: str, first: str | None = None) -> Mistake:
        first = first or self._file_of.get(name) or self._owners[name]
        return Mistake(file, None, f"{name}: name", f"stands twice; first at {first}")

    def _find_owners(self) -> dict[str, str]:
        """Return whose the names are that were there before: his who had them, else his who claims them first.

        The less a claim, the better: who was refused before the name was free claimed what was another's. Where several
        claim one as early, it is nobody's: its site stays as it was.
        """
        found: dict[str, str] = {}
        for file, old in self._old.items():
            if file in self._parts:
                part = self._parts[file]
                found.update((name, file) for name in old.sites if name in part.sites or not part.is_fit)
        first: dict[str, tuple[int, str]] = {}
        for part in self._parts.values():
            refused = self._before.refused.get(part.file, 0)
            for name in (self._named_by(part) & self._before.sites.keys()) - found.keys():
                claim = refused if refused > self._before.free.get(name, 0) else -refused
                if name not in first or claim < first[name][0]:
                    first[name] = claim, part.file
                elif claim == first[name][0]:
                    self._whole[name] = self._before.sites[name]
                    first[name] = claim, self._whole[name].file
        return found | {name: file for name, (_, file) in first.items()}

    def _named_by(self, part: Part) -> AbstractSet[str]:
        """Return the names in a file, and of those that may be in it the whole ones: others were when it was read."""
        if part.is_fit:
            return part.sites.keys()
        whole = self._before.whole.keys()
        return whole if part.named is None else whole & part.named

    def _old_of(self, part: Part) -> Part:
        return self._old.get(part.file, Part(part.file, {}, {}))

    def _excess_of_one(self, part: Part) -> Excess | None:
        is_alone = len(self._parts) == 1
        return excess_of_one(part.taken) if not is_alone and takes_more(part.taken, self._old_of(part).taken) else None

    def _excess_of_folder(self, part: Part) -> Excess | None:
        """Return what is wrong with who has named no files yet, and does, in a folder that is another's too."""
        if part.file not in self._shared or not part.sizes or self._old_of(part).sizes:
            return None
        is_bound = any(site.tls.files_below for site in part.sites.values())
        return ("tls", own_folders.shared_problem(part.file, self._shared[part.file])) if is_bound else None

    def _settle(self) -> None:
        """Keep who takes too much, or depends on a site that is lost, until nobody does."""
        while True:
            if self._room.excess:
                file = next(self._without_room, None)
                if file is not None:
                    self._keep(file, Mistake(file, None, *self._room.excess))
                    continue
            if not self._lost:
                return
            name = self._lost.pop()
            if name not in self._file_of and not (name in self._whole and name in self._named):
                for site in self._behind.get(name, ()):
                    problem = f"there is no site {name}"
                    self._keep(site.file, Mistake(site.file, None, f"{site.name}: depends_on", problem))

    def _who_has_no_room(self) -> Iterator[str]:
        """Yield for whom there is no room beside those who grow less; then, should that not do, all who take more."""
        growing = [
            (part.taken, self._old_of(part).taken) for part in self._parts.values() if part.file not in self.kept
        ]
        growing = sorted((one for one in growing if takes_more(*one)), key=lambda one: growth(*one))
        room = Room()
        for part in self._taken.values():
            room.change(part.taken, 1)
        for new, old in growing:
            room.change(new, -1)
            room.change(old, 1)
        yield from (file for file, _ in room.without(growing))
        yield from (new.file for new, _ in reversed(growing))

    def _break_rings(self) -> None:
        """Keep of each ring the file of most doubt; should there be others then, all that add to what may be one."""
        found, kept_before = [*islice(rings(self._gateways()), MOST_RINGS)], {*self.kept}
        for ring in found:
            files = {self._file_of[name] for name in ring if name in self._file_of} - kept_before
            if files and files.isdisjoint(self.kept):
                self._keep_for_ring(max(files, key=self._ranks.__getitem__), ring)
        self._settle()
        for ring in islice(rings(self._gateways()), 1) if found else ():
            self._keep_all_in_rings(ring)
            self._settle()

    def _keep_all_in_rings(self, shown: Sequence[str]) -> None:
        """Keep the files that have sites in a ring depend on others in one as they did not: then none can be closed."""
        before = {name: {*site.depends_on} for name, site in self._before.sites.items()}
        either = {name: before.get(name, set()).union(now) for name, now in (before | self._gateways()).items()}
        doubtful = leading_into_rings(either)
        for part in [part for file, part in self._taken.items() if file not in self.kept]:
            for site in part.sites.values():
                if site.name in doubtful and not doubtful.isdisjoint({*site.depends_on} - before.get(site.name, set())):
                    self._keep_for_ring(part.file, shown)
                    break

    def _keep_for_ring(self, file: str, ring: Sequence[str]) -> None:
        self._keep(file, Mistake(file, None, f"{ring[0]}: depends_on", ring_problem(ring)))

    def _gateways(self) -> dict[str, tuple[str, ...]]:
        """Return on which sites each depends."""
        there = (site for part in self._taken.values() for site in part.sites.values())
        return {site.name: site.depends_on for site in (*self._staying(), *there) if site.depends_on}

    def _staying(self) -> Iterator[Site]:
        """Yield the sites that stand nowhere and may be in a file at fault."""
        return (site for name, site in self._whole.items() if name in self._named and name not in self._file_of)

    def _missing(self) -> dict[str, Site]:
        """Return of the sites that stay those for which there is room."""
        found: dict[str, Site] = {}
        for site in self._staying():
            sizes = {file: self._before.sizes[file] for file in files_of([site])}
            part = Part("", {site.name: site}, sizes)
            self._room.change(part.taken, 1)
            if self._room.excess:
                self._room.change(part.taken, -1)
            else:
                found[site.name] = site
        return found
