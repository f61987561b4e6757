"""One comparison each: what our check finds, and what curl, openssl or dig says of the same."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sitemon.checks.findings import Observation
from sitemon.checks.once import observe
from sitemon.checks.probes.dns import normal
from sitemon.model.site import Expect, Proxy, Site, StatusRange, Tls
from tests.interop.servers import Running

PATHS = ("/", "/sub/", "/sub/index.html", "/sub", "/big.bin", "/moved", "/gone", "/sub/%zz", "/a%20b?q=%c3%A4")
QUESTIONS = (("shop.test", "A"), ("shop.test", "MX"), ("shop.test", "TXT"), ("gone.shop.test", "A"))
WITHIN_S = 20.0  # a busy machine is no difference
ANY_STATUS = Expect(status=(StatusRange(200, 599),))


class Comparison(NamedTuple):
    """What was asked, and the two answers."""

    question: str
    ours: tuple[object, ...]
    theirs: tuple[object, ...]

    @property
    def agrees(self) -> bool:
        """Whether both say the same."""
        return self.ours == self.theirs


def compared(server: Running, chain: Path, target: Running) -> Iterator[Comparison]:
    """Yield all comparisons with a server; a proxy is asked for the pages of the target."""
    if server.program.kind == "dns":
        yield from _with_dig(server)
        return
    if server.program.kind == "proxy":
        for base in (f"http://127.0.0.1:{target.port}", f"https://localhost:{target.tls_port}"):
            proxy = Proxy("127.0.0.1", server.port)
            yield from _with_curl(base, chain, server.program.methods, proxy)
        return
    if server.program.has_plain:
        yield from _with_curl(f"http://127.0.0.1:{server.port}", chain, server.program.methods, None)
    if server.program.has_tls:
        yield from _with_curl(f"https://localhost:{server.tls_port}", chain, server.program.methods, None)
        yield _with_openssl(server, chain)


def _site(url: str, chain: Path, **fields: object) -> Site:
    return Site(name="interop", url=url, tls=Tls(ca_file=str(chain)), expect=ANY_STATUS, timeout_s=WITHIN_S, **fields)  # type: ignore[arg-type]


def _with_curl(base: str, chain: Path, methods: tuple[str, ...], proxy: Proxy | None) -> Iterator[Comparison]:
    how = ("--noproxy", "*") if proxy is None else ("-x", f"http://{proxy.host}:{proxy.port}")
    for path in PATHS:
        for method in methods:
            url = base + path
            seen = observe(_site(url, chain, method=method, proxy=proxy))
            yield Comparison(f"{method} {url}", _summary(seen), _curl(url, chain, method, how))


def _summary(seen: Observation) -> tuple[object, ...]:
    return (seen.http_code or 0, seen.body_bytes, seen.redirects) if seen.http_code else ("no response",)


def _curl(url: str, chain: Path, method: str, how: tuple[str, ...]) -> tuple[object, ...]:
    head = ("--head",) if method == "HEAD" else ()
    limits = ("--http1.1", "--max-redirs", "5", "-m", str(WITHIN_S))
    command = ("curl", "-s", "-L", *limits, "--cacert", str(chain), *how, *head)
    form = "%{http_code} %{size_download} %{num_redirects}"
    ran = subprocess.run((*command, "-o", "/dev/null", "-w", form, url), capture_output=True, text=True, check=False)
    code, size, redirects = map(int, ran.stdout.split())
    return (code, size, redirects) if code else ("no response",)


def _with_openssl(server: Running, chain: Path) -> Comparison:
    seen = observe(_site(f"tls://localhost:{server.tls_port}", chain))
    command = ("openssl", "s_client", "-connect", f"localhost:{server.tls_port}", "-CAfile", str(chain))
    shown = subprocess.run(command, input=b"", capture_output=True, check=False).stdout
    end = subprocess.run(("openssl", "x509", "-noout", "-enddate"), input=shown, capture_output=True, check=False)
    words = end.stdout.decode().strip().removeprefix("notAfter=")
    ends_at = datetime.strptime(words, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
    is_verified = b"Verify return code: 0" in shown
    return Comparison("the certificate", (seen.reason is None, seen.cert_expires_at), (is_verified, ends_at))


def _with_dig(server: Running) -> Iterator[Comparison]:
    for name, record_type in QUESTIONS:
        seen = observe(Site(name="interop", url=f"dns://127.0.0.1:{server.port}/{name}?type={record_type}"))
        ours = sorted(normal(one.replace('"', ""), record_type) for one in seen.hops[0].records)
        command = ("dig", "+short", "-p", str(server.port), "@127.0.0.1", name, record_type)
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        theirs = sorted(normal(line.replace('"', ""), record_type) for line in said.splitlines())
        yield Comparison(f"{name} {record_type}", tuple(ours), tuple(theirs))
