"""``make bench``: the pipeline's run and what a check costs, one after the other."""

import subprocess
import sys

COMMANDS = (
    ("tests.bench.many_sites",),
    ("tests.bench.check_cost",),
    ("tests.bench.engines",),
    ("tests.bench.pipeline",),
    ("tests.bench.pipeline", "--kill"),
)


def main() -> None:
    """Run all of them; exit status 1 when one failed."""
    statuses = []
    for command in COMMANDS:
        print(f"\n=== python -m {' '.join(command)}", flush=True)
        statuses.append(subprocess.run([sys.executable, "-m", *command], check=False).returncode)
    sys.exit(any(statuses))


if __name__ == "__main__":
    main()
