"""An archive of Kafka's classes as Java has loaded them: with it, Java starts a broker with less than half of the CPU.

This is Java's class data sharing (JEP 350). Java itself sees whether an archive is of its own version, of these jars
and whole, and goes on without it when not.
"""

import hashlib
import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sitemon.local.kafka_files import cache_folder

log = logging.getLogger(__name__)

_UNKNOWN_IS_NO_ERROR: Final = "-XX:+IgnoreUnrecognizedVMOptions"


def archive_of(java: Path, jars: Path) -> Path:
    """Return where the archive of a Java and a folder of jars is once there is one; it has another name for others."""
    files = [java.resolve(), *sorted(jars.glob("*.jar"))]
    seen = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return cache_folder().with_name(f"kafka-{hashlib.sha256(repr(seen).encode()).hexdigest()[:12]}.jsa")


def using(archive: Path) -> Sequence[str]:
    """Return the options of a Java that uses an archive."""
    return [_UNKNOWN_IS_NO_ERROR, f"-XX:SharedArchiveFile={archive}"]


def making(draft: Path) -> Sequence[str]:
    """Return the options of a Java that writes an archive of the classes that it has loaded, when it ends by itself."""
    return [_UNKNOWN_IS_NO_ERROR, f"-XX:ArchiveClassesAtExit={draft}"]


def keep(draft: Path, archive: Path) -> None:
    """Move a finished archive to its place in one step, and forget those of other Javas and jars.

    A folder that we may not write to has no archive, which costs time only.
    """
    copy = archive.with_suffix(f".{os.getpid()}")
    try:
        shutil.copyfile(draft, copy)
        copy.rename(archive)
        for other in archive.parent.glob("kafka-*.jsa"):
            if other != archive:
                other.unlink(missing_ok=True)
    except OSError as exc:
        log.info("stack.classes_not_kept: %s", exc)
    finally:
        draft.unlink(missing_ok=True)
