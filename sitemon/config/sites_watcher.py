"""The sites of a running process, which follows their edits."""

import logging
import math
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from itertools import chain, islice
from pathlib import Path
from typing import Final, NamedTuple

from sitemon import clock
from sitemon.config import locate
from sitemon.config.edits import Edits, Look, State, stat_of
from sitemon.config.kept_parts import REST_TIMES, KeptParts
from sitemon.config.settling import Before, Settling
from sitemon.config.site_parts import Part, parts_in
from sitemon.config.site_reader import SiteReader
from sitemon.config.site_room import MOST_FILES
from sitemon.config.sites import (
    CrowdedFolderError,
    SiteSet,
    files_in,
    load_with,
    no_garbage_collection,
    no_sites,
    set_of,
    sites_path,
    usual_places,
)
from sitemon.model.errors import ConfigurationError, Mistake
from sitemon.model.site import Site
from sitemon.per_process import short_turns

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 0.9
"""A little less than the second in which the beat ticks, so that each tick looks."""

_PATIENCE_S: Final = 2.5
"""How long files that are being written are waited for: they may belong to an edit of others."""

_EDIT_WAIT_S: Final = 0.5
"""How long those who have slots to send wait for an edit; most are read sooner."""

_REFRESH_WAIT_S: Final = 2.0
_LONG_S: Final = 0.1
"""Of what an edit takes beside the reading of files, which rest by themselves."""


@cache
def sites_watcher() -> "SitesWatcher":
    """Return the one watcher of the sites. A forked child inherits it, with what it last read well.

    Raises:
        ConfigurationError: the first time, with every mistake in the sites.

    """
    watcher = SitesWatcher()
    os.register_at_fork(after_in_child=watcher.unlock)
    return watcher


class _Known(NamedTuple):
    """The sites, how long the files were that they name, and the sites that were there before any file was at fault."""

    sites: SiteSet
    sizes: Mapping[Path, int]
    whole: Mapping[str, Site]


class SitesWatcher:
    """The sites for a running process: edits are taken up, a bad edit keeps what there was. Thread-safe.

    An edit is taken up once its files have settled: an editor that empties a file before it writes it must not
    end every site for a moment. A file that never rests, or has mistakes, holds up no other, and is used as it was read
    before. Until it is read no site goes that was there before, and may stand in it. Of a folder with too many files
    those are followed that sites are from.

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
        self._writing_since_s = math.inf
        self._is_restless = False
        self._rests_until_s = 0.0
        self._reading_s = 0.0
        self._trouble: str | None = None
        self._refused: dict[str, int] = {}
        self._free: Mapping[str, int] = {}
        self._nowhere: Collection[str] = ()
        self._looking: threading.Thread | None = None
        reader = SiteReader(environ)
        self._named_files: State = {}
        self._known = _Known(no_sites(environ), {}, {})
        self._edits = Edits(lambda: {*self._own_files(), *self._named_files})
        sites = load_with(reader, environ, path)
        self._known = _Known(sites, reader.sizes, sites.by_name)
        self._named_files = {file: stat for one in reader.readings.values() for file, stat in one.named.items()}
        self._kept = KeptParts(environ, monotonic_s, parts_in(reader))
        # Only now are the files known that the sites name.
        self._edits.take_up(also=self._named_files)
        if not sites.sites:
            log.warning("config.no_sites: nothing is watched: %s", sites.summary)

    def unlock(self) -> None:
        """Forget that another thread looks at the files: in a forked child there is none."""
        self._lock = threading.Lock()

    def current(self) -> SiteSet:
        """Return the sites; looks at the files at most about once a second. The same object while nothing changed."""
        if self._is_due and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._known.sites

    def without_waiting(self) -> SiteSet:
        """Return the sites; while an edit takes long to be read, those of before it.

        Whoever may edit sites can write a file that takes minutes.
        """
        if self._is_due and not self.is_looking:
            looking = threading.Thread(target=self.current, name="sites", daemon=True)
            looking.start()
            self._looking = looking  # several may ask at once: whoever looks second finds another at it
            looking.join(_EDIT_WAIT_S)
        return self._known.sites

    @property
    def is_looking(self) -> bool:
        """Whether a thread is at the files for someone who did not wait for it."""
        return self._looking is not None and self._looking.is_alive()

    @property
    def _is_due(self) -> bool:
        now_s = self._monotonic_s()
        return now_s - self._looked_at_s >= LOOK_EVERY_S and now_s >= self._rests_until_s

    def refresh(self) -> SiteSet:
        """Look at the files now and return the sites. Sites that were added are taken up at once.

        While an edit takes long to be read, or was read a moment ago, they are those that are known.
        """
        refreshing = threading.Thread(target=self._refresh, name="sites", daemon=True)
        refreshing.start()
        refreshing.join(_REFRESH_WAIT_S)
        return self._known.sites

    def _refresh(self) -> None:
        if self._lock.acquire(timeout=_REFRESH_WAIT_S):
            try:
                if self._monotonic_s() >= self._rests_until_s:
                    self._look()
            finally:
                self._lock.release()

    def _look(self) -> None:
        self._looked_at_s = self._monotonic_s()
        look = self._edits.look()
        self._note_restless(look.unsettled)
        if (look.edited or self._kept.is_due) and (self._is_restless or not look.unsettled):
            self._take_up(look)
        elif not look.unsettled:
            self._trouble = None

    def _note_restless(self, unsettled: Collection[Path]) -> None:
        self._writing_since_s = min(self._writing_since_s, self._looked_at_s) if unsettled else math.inf
        was_restless, self._is_restless = self._is_restless, self._looked_at_s - self._writing_since_s >= _PATIENCE_S
        if self._is_restless and not was_restless:
            first, *more = sorted(unsettled)
            others = f" and {len(more)} more files" if more else ""
            log.warning("config.sites_restless: is written again and again, and used as before: %s%s", first, others)

    def _take_up(self, look: Look) -> None:
        began_s, self._reading_s = clock.thread_cpu_s(), 0.0
        self._read(look)
        took_s = clock.thread_cpu_s() - began_s - self._reading_s
        if took_s > _LONG_S:
            self._rests_until_s = self._monotonic_s() + REST_TIMES * took_s

    def _read(self, look: Look) -> None:
        try:
            known, trouble, named_files = self._load(look)
        except Exception:
            # Whatever an edit is, it ends no process that has sites.
            log.exception("config.sites_failed: the edit was not taken up: this is a mistake in sitemon")
            known, named_files = self._known, self._named_files
        else:
            if known.sites.missing and self._known.sites.sites:
                self._keep_old(known.sites.summary)
                return
            if trouble:
                self._keep_old(trouble)
            else:
                self._trouble = None
            if known is not self._known:
                log.info("config.sites_reloaded: %s", known.sites.summary)
        # Only then as seen: a child that is forked in between reads them again.
        self._known = known
        self._named_files = named_files
        self._edits.take_up(look.state, also=named_files)

    def _load(self, look: Look) -> tuple[_Known, str, State]:
        """Return the sites, those of files at fault as they were, what is wrong, and the files that they name."""
        try:
            source = self._path or sites_path(self._environ)
            files, mistakes = ([], ()) if source is None else self._files_in(source)
        except ConfigurationError as exc:
            return self._known, str(exc), self._named_files
        if source is None:
            return _Known(no_sites(self._environ), {}, {}), "", {}
        with short_turns(), no_garbage_collection():
            return self._settled(look, source, files, mistakes)

    def _settled(
        self, look: Look, source: Path, files: Sequence[Path], mistakes: Sequence[Mistake]
    ) -> tuple[_Known, str, State]:
        before = self._known
        found = self._kept.read(files, source, look, before.whole.keys())
        self._reading_s = found.took_s
        there = {*(site.file for site in before.sites.sites), *map(str, files)}
        unsettled = {*map(str, (*look.unsettled, *found.waiting))} & there
        parts = [*(Part(file, {}, {}, is_fit=False, named=None) for file in sorted(unsettled)), *found.parts]
        edited = {*map(str, (*look.edited, *found.read))}
        settling = Settling(
            sorted(parts, key=partial(self._doubt, edited)),
            Before(before.sites.by_name, before.sizes, before.whole, self._refused, self._free, self._nowhere),
        )
        sites = set_of(settling.sites(), source)
        of_refused = sorted((part.sizes for part in parts if part.file in settling.kept), key=len)
        followed = {*settling.sizes, *islice(chain.from_iterable(of_refused), MOST_FILES)}
        self._kept.follow(followed)
        named_files = {file: stat_of(file) for file in followed}
        for part in found.parts:
            named_files.update((file, stat) for file, stat in part.read_from.items() if file in followed)
        mistakes = [*settling.mistakes, *mistakes]
        trouble = str(ConfigurationError(mistakes)) if mistakes else ""
        doubtful = {*edited, *self._refused}
        self._refused = {file: self._refused.get(file, 0) + 1 for file in settling.kept}
        self._free, self._nowhere = settling.free, settling.nowhere
        if doubtful <= settling.kept and sites.by_name == before.sites.by_name:
            return before, trouble, named_files
        whole = sites.by_name
        if settling.kept:
            whole = {name: site for name, site in sites.by_name.items() if name in before.whole}
        return _Known(sites, settling.sizes, whole), trouble, named_files

    def _doubt(self, edited: Collection[str], part: Part) -> int:
        """Who was refused for long is at fault rather than who has just edited his file, and he rather than others."""
        return 2 * self._refused.get(part.file, 0) + (part.file in edited)

    def _keep_old(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.error("config.sites_kept: the edit was not taken up: %s", trouble)
        self._trouble = trouble

    def _own_files(self) -> Iterator[Path]:
        named = self._environ.get("SITEMON_SITES")
        roots = [self._path] if self._path else usual_places(self._environ)
        if named and not self._path:
            roots = locate.places_of(named, self._environ)
        for root in roots:
            yield root
            # One that cannot be read has no files: that is an edit, and said when it is taken up.
            with suppress(ConfigurationError):
                yield from self._files_in(root)[0]

    def _files_in(self, source: Path) -> tuple[Sequence[Path], Sequence[Mistake]]:
        """Return the files, and what is wrong with their folder: then those of its files that sites are from."""
        try:
            return files_in(source), ()
        except CrowdedFolderError as exc:
            known = sorted({Path(site.file) for site in self._known.sites.sites})
            return [file for file in known if file.parent == source and file.is_file()], exc.mistakes
