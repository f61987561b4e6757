"""An nginx on loopback that answers everything with a small page: a target that is not the bottleneck."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import requests

from bench.tools import tool
from sitemon import clock
from sitemon.local.ports import LOOPBACK, is_free
from sitemon.local.process import GuardedProcess
from tests.integration.checks import certificates

START_WITHIN_S = 5.0
CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        {listen}
        location = /served {{ stub_status; }}
        location / {{ default_type text/html; return 200 "<html><body>{filling} all is well</body></html>"; }}
    }}
}}
"""


class Secure(NamedTuple):
    """Where nginx speaks TLS, and the PEM file with its key and certificates."""

    port: int
    leaf_file: Path


def new_certificates(folder: Path, hosts: tuple[str, ...] = (LOOPBACK, "localhost")) -> tuple[Path, Path]:
    """Write a CA, and a leaf for these hosts with its key; return both files."""
    authority = certificates.new_authority("bench")
    ca_file = folder / "ca.pem"
    ca_file.write_bytes(authority.pem)
    return ca_file, certificates.write_chain(folder, certificates.new_leaf(authority, hosts=hosts))


@contextmanager
def nginx(
    folder: Path, port: int, *, hosts: Sequence[str] = (LOOPBACK,), secure: Secure | None = None
) -> Iterator[str]:
    """Run nginx at these addresses; give the URL of the first without the last slash.

    Raises ToolMissingError when nginx is not installed.
    """
    program = tool("nginx", package="apt install nginx-light")
    configuration = folder / "nginx.conf"
    listen = [f"listen {host}:{port} backlog=4096 reuseport;" for host in hosts]
    if secure is not None:
        listen += [f"listen {host}:{secure.port} ssl backlog=4096 reuseport;" for host in hosts]
        listen.append(f"ssl_certificate {secure.leaf_file}; ssl_certificate_key {secure.leaf_file};")
    configuration.write_text(CONFIGURATION.format(folder=folder, listen=" ".join(listen), filling="x" * 1_000))
    process = GuardedProcess([program, "-c", str(configuration), "-p", str(folder)], log=folder / "nginx.out")
    try:
        deadline_s = clock.monotonic_s() + START_WITHIN_S
        while is_free(port):
            if clock.monotonic_s() > deadline_s or not process.is_alive:
                raise SystemExit(f"bench: nginx did not start: {(folder / 'nginx.log').read_text()}")
            clock.sleep(0.05)
        yield f"http://{hosts[0]}:{port}"
    finally:
        process.stop(timeout_s=5)


def served(url: str) -> int:
    """Return how many requests the nginx at this URL has had, by its own count."""
    words = requests.get(f"{url}/served", timeout=10).text
    return int(words.splitlines()[2].split()[2])
