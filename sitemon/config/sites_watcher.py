"""The sites of a running process, which follows their edits."""

import logging
import math
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from sitemon import clock
from sitemon.config import locate
from sitemon.config.edits import Edits, Look
from sitemon.config.site_reader import SiteReader
from sitemon.config.sites import SiteSet, files_in, load_with, usual_places
from sitemon.model.errors import ConfigurationError
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
_REST_TIMES: Final = 5
"""After an edit that took long to read, for so many times as long no other one is."""


@cache
def sites_watcher() -> "SitesWatcher":
    """Return the one watcher of the sites. A forked child inherits it, with what it last read well.

    Raises:
        ConfigurationError: the first time, with every mistake in the sites.

    """
    watcher = SitesWatcher()
    os.register_at_fork(after_in_child=watcher.unlock)
    return watcher


class SitesWatcher:
    """The sites for a running process: edits are taken up, a bad edit keeps what there was. Thread-safe.

    An edit is taken up once its files have settled: an editor that empties a file before it writes it must not
    end every site for a moment. A file that never rests, or has mistakes, holds up no other, and is used as it was read
    before; until it is read no site goes. Where there are mistakes even so, all sites are as before.

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
        self._trouble: str | None = None
        self._refused: set[str] = set()
        self._looking: threading.Thread | None = None
        reader = SiteReader(environ)
        self._named_files: set[Path] = reader.files
        self._edits = Edits(lambda: {*self._own_files(), *self._named_files})
        self._sites = load_with(reader, environ, path)
        # Only now are the files known that the sites name.
        self._edits.take_up(also=self._named_files)
        if not self._sites.sites:
            log.warning("config.no_sites: nothing is watched: %s", self._sites.summary)

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
        return self._sites

    def without_waiting(self) -> SiteSet:
        """Return the sites; while an edit takes long to be read, those of before it.

        Whoever may edit sites can write a file that takes minutes.
        """
        if self._is_due and (self._looking is None or not self._looking.is_alive()):
            self._looking = threading.Thread(target=self.current, name="sites", daemon=True)
            self._looking.start()
            self._looking.join(_EDIT_WAIT_S)
        return self._sites

    @property
    def _is_due(self) -> bool:
        now_s = self._monotonic_s()
        return now_s - self._looked_at_s >= LOOK_EVERY_S and now_s >= self._rests_until_s

    def refresh(self) -> SiteSet:
        """Look at the files now and return the sites. Sites that were added are taken up at once.

        While an edit takes long to be read, or was read a moment ago, they are those that are known.
        """
        if self._lock.acquire(timeout=_REFRESH_WAIT_S):
            try:
                if self._monotonic_s() >= self._rests_until_s:
                    self._look()
            finally:
                self._lock.release()
        return self._sites

    def _look(self) -> None:
        self._looked_at_s = self._monotonic_s()
        look = self._edits.look()
        self._note_restless(look.unsettled)
        if look.edited and (self._is_restless or not look.unsettled):
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
        began_s = clock.thread_cpu_s()
        self._read(look)
        took_s = clock.thread_cpu_s() - began_s
        if took_s > _LONG_S:
            self._rests_until_s = self._monotonic_s() + _REST_TIMES * took_s

    def _read(self, look: Look) -> None:
        named_files: set[Path] = set()
        try:
            sites, trouble = self._load(look, named_files)
        except Exception:
            # Whatever an edit is, it ends no process that has sites.
            log.exception("config.sites_failed: the edit was not taken up: this is a mistake in sitemon")
            sites = self._sites
        else:
            if sites.missing and self._sites.sites:
                self._keep_old(sites.summary)
                return
            if trouble:
                self._keep_old(trouble)
            else:
                self._trouble = None
            if sites is not self._sites:
                log.info("config.sites_reloaded: %s", sites.summary)
        # Only then as seen: a child that is forked in between reads them again.
        self._sites = sites
        self._named_files = named_files
        self._edits.take_up(look.state, also=named_files)

    def _load(self, look: Look, named_files: set[Path]) -> tuple[SiteSet, str]:
        """Return the sites, those of files at fault as they were, with what is wrong; the old ones if that is, too."""
        # Who was refused before is at fault rather than who has just edited his file, and he rather than all others.
        doubts = dict.fromkeys(map(str, look.edited), 1) | dict.fromkeys(self._refused, 2)
        self._refused = {*doubts}
        unsettled = {*map(str, look.unsettled)}
        kept, trouble, old = {*unsettled}, "", self._sites.sites
        while True:
            reader = SiteReader(self._environ)
            try:
                with short_turns():
                    sites = load_with(reader, self._environ, self._path, old=old, kept=kept, doubts=doubts)
            except ConfigurationError as exc:
                trouble = trouble or str(exc)
                at_fault = reader.at_fault - kept
                kept |= at_fault
                if not at_fault or doubts.keys() <= kept:
                    return self._sites, trouble
            else:
                self._refused = kept - unsettled
                return sites, trouble
            finally:
                named_files |= reader.files

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
                yield from files_in(root)
