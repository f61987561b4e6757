"""Feeds one target for so many seconds: ``python -m tests.fuzz.engine web.head 60 .cache/fuzz/web.head``.

libFuzzer makes the inputs, led by the coverage of what atheris instruments.
"""

import hashlib
import sys
from pathlib import Path
from typing import Final

import atheris

from tests.fuzz.findings import Findings
from tests.fuzz.target import bound_memory

INSTRUMENTED: Final = ["sitemon", "dns", "jsonpath", "kafka.record", "email"]
_LONGEST_BYTES: Final = 16 << 10
_HANGS_AFTER_S: Final = 30


def main() -> None:
    """Feed it; `atheris.Fuzz` ends the process."""
    name, seconds, place = sys.argv[1:]
    folder, (room, _, short_name) = Path(place), name.partition(".")
    corpus, findings = folder / "corpus", folder / "findings"
    corpus.mkdir(parents=True, exist_ok=True)
    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz.targets import targets_of  # noqa: PLC0415 - what it imports is instrumented

        target = next(target for target in targets_of(room) if target.name == short_name)
    for seed in target.seeds:
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    found = Findings(target, findings)
    found.feed_kept()
    bound_memory()
    options = {
        "max_total_time": seconds,
        "max_len": _LONGEST_BYTES,
        "timeout": _HANGS_AFTER_S,
        "rss_limit_mb": 0,  # `bound_memory` does that, and says where
        "artifact_prefix": f"{findings}/",
        "print_final_stats": 1,
        "verbosity": 0,
    }
    atheris.Setup([sys.argv[0], *(f"-{option}={value}" for option, value in options.items()), str(corpus)], found.feed)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
