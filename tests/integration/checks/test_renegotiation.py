"""TLS 1.2 lets a server ask for another handshake at any time, with a chain as dear to verify as it likes."""

import queue
import shutil
import subprocess
from pathlib import Path

from sitemon.checks.findings import Observation
from sitemon.local.part import MissingToolError
from sitemon.local.ports import free_port, is_free
from sitemon.model.outcome import Outcome, Reason
from tests.conftest import lack
from tests.integration.checks.certificates import new_leaf, write_chain
from tests.integration.checks.conftest import Authority, EngineFactory, site
from tests.integration.checks.test_engine import wait_until

RENEGOTIATE = b"r\n"
"""What makes openssl's server do so."""


def test_a_server_that_asks_for_another_handshake_gets_none(
    make_engine: EngineFactory, ca: Authority, tmp_path: Path
) -> None:
    if shutil.which("openssl") is None:
        lack(MissingToolError("openssl is not installed"))
    chain, port = write_chain(tmp_path, new_leaf(ca.signer)), free_port()
    command = ("openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(chain), "-tls1_2")
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            wait_until(lambda: not is_free(port), 10)
            make_engine().submit(site(f"https://127.0.0.1:{port}/", tls=ca.tls), found.put)
            next(line for line in server.stdout if line.startswith(b"GET "))
            server.stdin.write(RENEGOTIATE)
            seen = found.get(timeout=20)
        finally:
            server.kill()
    assert (seen.outcome, seen.reason) == (Outcome.DOWN, Reason.TLS_ERROR), seen.error
