"""Compare our checks of real servers with curl, openssl and dig, and print a table: ``python -m tests.interop``.

Exit status 1 when one disagrees, or fewer than 15 programs could be started.
"""

import contextlib
import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from sitemon.clock import utc_now
from sitemon.local import chains
from tests.interop.oracles import Comparison, compared
from tests.interop.servers import PROGRAMS, Running, is_installed, root_below, running

FEWEST = 15
TOOLS = ("curl", "openssl", "dig")


def main() -> None:
    """Start one program after the other and compare."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        sys.exit(f"interop: not installed: {', '.join(missing)}")
    with tempfile.TemporaryDirectory(prefix="sitemon-interop-") as place:
        found = _all_compared(Path(place))
    _show(found)
    agree = all(one.agrees for _, comparisons in found for one in comparisons)
    sys.exit(not agree or len(found) < FEWEST)


def _all_compared(folder: Path) -> list[tuple[Running, list[Comparison]]]:
    folder.chmod(0o755)
    root, chain, found = root_below(folder), _chain_below(folder), []
    present = [program for program in PROGRAMS if is_installed(program)]
    target_program = next(one for one in present if one.has_plain and one.has_tls)
    with running(target_program, folder / "target", root, chain) as target:
        for number, program in enumerate(present):
            with contextlib.ExitStack() as stack:
                try:
                    place = folder / str(number)
                    server = stack.enter_context(running(program, place, root, chain, target_tls=target.tls_port))
                except OSError as exc:
                    print(f"interop: {program.name} does not start: {exc}", file=sys.stderr)
                    continue
                found.append((server, list(compared(server, chain, target))))
    return found


def _chain_below(folder: Path) -> Path:
    """Write one file with a key and a certificate that signs itself, so that it is the CA too."""
    now = utc_now().replace(microsecond=0)
    begins_at, ends_at = now - timedelta(days=1), now + timedelta(days=30)
    leaf = chains.new_leaf(None, hosts=("localhost", "127.0.0.1"), begins_at=begins_at, ends_at=ends_at)
    return chains.write_chain(folder, leaf)


def _show(found: list[tuple[Running, list[Comparison]]]) -> None:
    print("| program | version | compared | agree |\n| --- | --- | --- | --- |")
    for server, comparisons in found:
        agree = sum(one.agrees for one in comparisons)
        print(f"| {server.program.name} | {server.version} | {len(comparisons)} | {agree} |")
    for server, comparisons in found:
        for one in comparisons:
            if not one.agrees:
                print(f"interop: {server.program.name}: {one.question}: {one.ours}, not {one.theirs}", file=sys.stderr)


if __name__ == "__main__":
    main()
