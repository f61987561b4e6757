"""Let a Kafka leave the archive of its classes before a run: `python -m tests.kafka_classes`, which `make test` calls.

Each of the forty that the tests start takes half of the CPU then; the first one to end would leave it late in the run.
"""

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from sitemon.local import class_archive
from sitemon.local.kafka import Kafka
from sitemon.local.kafka_files import find_jars, find_java
from sitemon.local.part import MissingToolError


class PatientKafka(Kafka):
    """One that may take its time to write 50 MB, on a machine that may be busy."""

    stop_within_s: ClassVar[float] = 100.0


def main() -> None:
    if class_archive.archive_of(find_java(), find_jars()).exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        kafka = PatientKafka(Path(folder))
        kafka.start()
        kafka.stop()


if __name__ == "__main__":
    with suppress(MissingToolError):  # the tests of Kafka say so
        main()
