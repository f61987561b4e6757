"""The spool: where records wait on disk while Kafka does not take them; its table and its bounds.

A file is an SQLite database, opened anew for each operation: nothing of it lives in memory that a fork could copy,
and one that an operator moves away is made again. Measured with 50 records of 600 bytes: 1.3 ms an append, against
0.4 ms with a connection kept open in WAL mode; 32 threads together append 40,000 records a second.
"""

import contextlib
import itertools
import logging
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

from sitemon import clock
from sitemon.model.errors import SpoolFullError
from sitemon.own_files import open_own
from sitemon.stream.producer import Record
from sitemon.stream.spool_rows import Spooled, row_of, spooled_of, text_of

log = logging.getLogger(__name__)

_T = TypeVar("_T")
_ASIDE: Final = ".refused"
_LOCK_S: Final = 10.0
_READ_BYTES: Final = 4 << 20
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_FREE: Final = ("freelist_count", "page_size")
_JOURNAL_BYTES: Final = 64 << 10
"""The journal keeps so much of the disk: to delete one record, up to ten pages of 4 KiB are written to it."""
# PERSIST with FULL syncs the journal's end too; deleting it would need EXTRA to survive a power cut.
_PRAGMAS: Final = (
    f"PRAGMA journal_mode = PERSIST; PRAGMA journal_size_limit = {_JOURNAL_BYTES}; PRAGMA synchronous = FULL;"
)
_COLUMNS: Final = "(id INTEGER PRIMARY KEY, topic TEXT NOT NULL, key BLOB NOT NULL, value BLOB, headers BLOB NOT NULL)"
_TABLES: Final = (
    f"CREATE TABLE IF NOT EXISTS record {_COLUMNS}",
    "CREATE TABLE IF NOT EXISTS destination (id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
)
_ADDRESS: Final = (
    "INSERT OR REPLACE INTO destination SELECT 1, ? WHERE NOT EXISTS (SELECT 1 FROM destination WHERE name = ?)"
)
_APPEND: Final = "INSERT INTO record (id, topic, key, value, headers) VALUES (?, ?, ?, ?, ?)"
_REMOVE: Final = "DELETE FROM record WHERE id <= min(?, (SELECT min(id) FROM record) + ? - 1)"
_FEWER: Final = 8
_JOURNAL: Final = "-journal"
_READ: Final = "SELECT id, topic, key, value, headers FROM record ORDER BY id LIMIT ?"


class Spool:
    """The file of one process in the spool's folder. Every method may be called from any thread.

    Made by `sitemon.stream.spool_folder`, which sees to it that no other process has the same one. `max_bytes` bounds
    what the files of all processes take together. The file says since its last append where its records are to go:
    `destination`. `left_for` is what it said before; empty when it was not there, or is of an earlier version.
    Raises SpoolFullError when the disk cannot be used.
    """

    def __init__(self, file: Path, max_bytes: int, destination: str, release: Callable[[], None]) -> None:
        self.file = file
        self.max_bytes = max_bytes
        self.destination = destination
        self.left_for = ""
        self._release = release
        self._is_closed = False
        self._disk = threading.Lock()
        self._counting = threading.Lock()
        self._queue: list[_Append] = []
        self._coming = 0
        self._on_file = 0
        self._last_id = 0
        self._journal = file.with_name(file.name + _JOURNAL)
        self._has_journal = False
        if file.exists():
            self._on_file, self._last_id, self.left_for = self._on_disk(_measure, (0, 0, ""))

    @property
    def waiting(self) -> int:
        """How many records wait here, those included that are being appended."""
        return self._coming + self._on_file

    @property
    def folder(self) -> Path:
        """The folder that the processes of this host share."""
        return self.file.parent

    def append(
        self, records: Sequence[Record], on_kept: Callable[[range], None] = lambda _: None, *, share: float = 1.0
    ) -> range:
        """Keep records behind all others; return their ids. They are safe on disk once this returns.

        What several threads append at the same time is written, and synced, in one transaction. `on_kept` learns the
        ids before any `read` can return them. `share` is the part of the bound that may be taken, all that lies there
        included: the rest is left to others.
        Raises SpoolFullError when that is reached or the disk takes no more; nothing is kept then.
        """
        mine = _Append(records, on_kept, int(self.max_bytes * share))
        with self._counting:
            self._queue.append(mine)
            self._coming += len(records)
        with self._disk:
            if mine.outcome is None:
                self._write_queue()
        if isinstance(mine.outcome, range):
            return mine.outcome
        raise SpoolFullError(str(mine.outcome)) from mine.outcome

    def read(self, max_records: int, max_bytes: int = _READ_BYTES) -> Sequence[Spooled]:
        """Return the oldest records; at least one if there is any."""

        def read(database: sqlite3.Connection) -> list[Spooled]:
            found: list[Spooled] = []
            size_bytes = 0
            for row in database.execute(_READ, (max_records,)):
                found.append(spooled_of(row))
                size_bytes += found[-1].record.size_bytes
                if size_bytes >= max_bytes:
                    break
            return found

        with self._disk:
            found: list[Spooled] = self._on_disk(read, []) if self._on_file else []
            if not found:
                self._on_file = 0  # a file may have been moved away
            return found

    def remove(self, up_to_id: int) -> None:
        """Delete the oldest records, up to this one. An empty file is deleted itself, which frees its disk space.

        What is deleted is written to the journal first. Where the disk has no room for that, it is ever fewer at once:
        the journal has its room.
        """
        with self._disk:
            self._remove_in_pieces(up_to_id)
            if not self._on_file:
                self._delete_file()

    def _remove_in_pieces(self, up_to_id: int) -> None:
        at_once = removed = self._on_file + 1
        while removed == at_once:
            try:
                removed = self._remove(up_to_id, at_once)
            except SpoolFullError:
                if at_once == 1:
                    raise
                at_once = removed = max(1, at_once // _FEWER)

    def _remove(self, up_to_id: int, at_once: int) -> int:
        def remove(database: sqlite3.Connection) -> int:
            return database.execute(_REMOVE, (up_to_id, at_once)).rowcount

        removed = self._on_disk(remove, 0)  # which forgets what was on a file that turns out to be damaged
        self._on_file = max(0, self._on_file - removed)
        return removed

    def put_aside(self, record: Record) -> Path:
        """Keep a record in a file beside this one, which no process sends or deletes; return that file.

        However full the spools are, it has room: what it takes is room of theirs from then on.
        """
        aside = Spool(self.file.with_suffix(_ASIDE), sys.maxsize, self.destination, lambda: None)
        aside.append([record])
        return aside.file

    def close(self) -> None:
        """Leave the file, with what is in it, to the next process. Again is no error."""
        with self._disk:
            if not self._is_closed:
                self._is_closed = True
                self._release()

    def _write_queue(self) -> None:
        """Append, in one transaction, what waits for it. The caller holds `_disk`."""
        with self._counting:
            waiting, self._queue = self._queue, []
        try:
            taken = self._insert(waiting)
        except BaseException as exc:
            for append in waiting:
                append.outcome = exc
            raise
        finally:
            with self._counting:
                self._coming -= sum(len(append.records) for append in waiting)
        for append in taken:
            append.outcome = range(self._last_id + 1, self._last_id + 1 + len(append.records))
            self._last_id = append.outcome.stop - 1
            append.on_kept(append.outcome)
        for append in waiting:
            if append.outcome is None:
                append.outcome = self._full(append.most_bytes)

    def _insert(self, waiting: Sequence["_Append"]) -> Sequence["_Append"]:
        """Insert what has room; return it."""
        if self._is_closed:
            raise SpoolFullError("the spool is closed")

        def insert(database: sqlite3.Connection) -> list[_Append]:
            taken = list(_with_room(waiting, self._used_bytes(database)))
            if not taken:
                raise self._full(max(append.most_bytes for append in waiting))
            records = (record for append in taken for record in append.records)
            database.execute(_ADDRESS, (self.destination,) * 2)
            database.executemany(_APPEND, itertools.starmap(row_of, enumerate(records, self._last_id + 1)))
            return taken

        # A damaged file is set aside by the first try; the second one begins a new file.
        taken: list[_Append] = self._on_disk(insert, []) or self._on_disk(insert, [])
        if not taken:
            raise SpoolFullError(f"the spool {self.file} is damaged again and again")
        self._on_file += sum(len(append.records) for append in taken)
        self._fill_journal()
        return taken

    def _fill_journal(self) -> None:
        """Give the journal the room on the disk that it keeps, where it has not and there is some."""
        if self._has_journal:
            return
        with contextlib.suppress(OSError), os.fdopen(open_own(self._journal, os.O_RDWR), "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, _JOURNAL_BYTES)
            self._has_journal = True

    def _full(self, most_bytes: int) -> SpoolFullError:
        return SpoolFullError(f"the spool {self.folder} holds its {most_bytes:,} bytes")

    def _used_bytes(self, database: sqlite3.Connection) -> int:
        """Return what the spools of all processes take; journals and pages of ours that are free again do not count."""
        free_pages, page_bytes = (database.execute(f"PRAGMA {name}").fetchone()[0] for name in _FREE)
        files = sum(_size_bytes(entry) for entry in os.scandir(self.folder) if not entry.name.endswith(_JOURNAL))
        return files - int(free_pages) * int(page_bytes)

    def _on_disk(self, work: Callable[[sqlite3.Connection], _T], default: _T) -> _T:
        """Do the work in one synced transaction; `default` when the file was damaged and is now set aside."""
        try:
            os.close(open_own(self.file, os.O_RDWR))  # SQLite would let everybody read what it makes
            with closing(sqlite3.connect(self.file, timeout=_LOCK_S, isolation_level=None)) as database:
                database.text_factory = text_of
                database.executescript(_PRAGMAS)
                database.execute("BEGIN IMMEDIATE")
                for table in _TABLES:
                    database.execute(table)
                done = work(database)
                database.execute("COMMIT")
                return done
        except sqlite3.DatabaseError as exc:
            if exc.sqlite_errorcode & 0xFF not in _DAMAGED:
                raise SpoolFullError(f"the spool {self.file} cannot be used: {exc}") from exc
            self._set_aside(exc)
            return default
        except UnicodeDecodeError as exc:  # of SQLite's own words, which quote the damaged names of its schema
            self._set_aside(exc)
            return default
        except OSError as exc:
            raise SpoolFullError(f"the spool {self.file} cannot be used: {exc}") from exc

    def _set_aside(self, exc: Exception) -> None:
        aside = self.file.with_name(f"{self.file.name}.damaged-{clock.now_ms()}")
        try:
            self.file.rename(aside)
            self._journal.unlink(missing_ok=True)
            self._has_journal = False
        except OSError as failure:
            raise SpoolFullError(f"the spool {self.file} is damaged and cannot be moved away: {failure}") from exc
        lost, self._on_file = self._on_file, 0
        log.error("spool.damaged: %s: moved to %s, with up to %s unsent records: %s", self.file, aside, lost, exc)

    def _delete_file(self) -> None:
        for file in (self.file, self._journal):
            file.unlink(missing_ok=True)
        self._has_journal = False


class _Append:
    """What one thread appends, as long as the spool takes `most_bytes` with it, and what became of it."""

    def __init__(self, records: Sequence[Record], on_kept: Callable[[range], None], most_bytes: int) -> None:
        self.records = records
        self.on_kept = on_kept
        self.most_bytes = most_bytes
        self.outcome: range | BaseException | None = None


def _with_room(waiting: Iterable[_Append], used_bytes: int) -> Iterator[_Append]:
    for append in waiting:
        with_it_bytes = used_bytes + sum(record.size_bytes for record in append.records)
        if with_it_bytes <= append.most_bytes:
            used_bytes = with_it_bytes
            yield append


def _size_bytes(entry: os.DirEntry[str]) -> int:
    """Return a file's size; 0 when its process deleted it meanwhile."""
    try:
        return entry.stat().st_size
    except FileNotFoundError:
        return 0


def _measure(database: sqlite3.Connection) -> tuple[int, int, str]:
    count, last_id = database.execute("SELECT count(*), coalesce(max(id), 0) FROM record").fetchone()
    ((destination,),) = database.execute("SELECT coalesce(max(name), '') FROM destination")
    return count, last_id, destination
