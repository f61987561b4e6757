"""Servers that misbehave, each in its own way, and what a check should make of it: to try a monitor on, by hand too."""

import contextlib
import gzip
import ssl
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from sitemon.local import behaviours as does
from sitemon.local import name_server
from sitemon.local.behaviours import answering, chunked, compressed, redirecting, response
from sitemon.local.conversation import Behaviour
from sitemon.local.ports import LOOPBACK
from sitemon.local.stage import CA_FILE, DAY, Stage
from sitemon.model.outcome import Reason

INTERVAL_S: Final = 5
TIMEOUT_S: Final = 1.0

_TRUSTING: Final[Mapping[str, Any]] = {"tls": {"ca_file": CA_FILE}}


class Misbehaviour(NamedTuple):
    """One server: its name, what it shows, the reason that a check should give (None: it is up), and how it starts.

    `fields` are what a site for it says beside name and URL.
    """

    name: str
    shows: str
    reason: Reason | None
    start: Callable[[Stage], str]
    fields: Mapping[str, Any] = {}


def _web(behave: Behaviour) -> Callable[[Stage], str]:
    return lambda stage: stage.web(behave)


def _data(data: bytes) -> Callable[[Stage], str]:
    return _web(answering(data))


def _other_scheme(scheme: str, behave: Behaviour) -> Callable[[Stage], str]:
    """Serve in the clear what will be asked for with another scheme."""

    def start(stage: Stage) -> str:
        bare = stage.web(behave).removeprefix("http://")
        return f"{scheme}://{bare if scheme == 'https' else bare.removesuffix('/')}"

    return start


def _question(name: str, record_type: str = "A") -> Callable[[Stage], str]:
    return lambda stage: stage.question(name, record_type)


def _make_old(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that they are old is the point
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1


_OK: Final = b"HTTP/1.1 200 OK\r\n"
_GZIP: Final = gzip.compress(b"hello")
_IS_GZIP: Final = {"Content-Encoding": "gzip"}
_P: Final = Reason.PROTOCOL_ERROR

HANGING: Final = (
    Misbehaviour("silent", "reads the request and says nothing", Reason.TIMEOUT, _web(does.silent)),
    Misbehaviour("deaf", "accepts the connection and does nothing", Reason.TIMEOUT, _web(does.never_reads)),
    Misbehaviour("drips-headers", "sends a header without end, byte by byte", Reason.TIMEOUT, _web(does.drips_header)),
    Misbehaviour("drips-body", "sends its body byte by byte", Reason.TIMEOUT, _web(does.drips_body)),
)
BROKEN: Final = (
    Misbehaviour("resets", "resets the connection before the headers", _P, _web(does.resets_before_headers)),
    Misbehaviour("resets-late", "resets the connection in the body", _P, _web(does.resets_after_headers)),
    Misbehaviour("closes", "closes the connection unanswered", _P, _data(b"")),
    Misbehaviour("closes-in-status", "closes in the status line", _P, _data(b"HTTP/1.1 20")),
    Misbehaviour("closes-in-headers", "closes in the headers", _P, _data(_OK + b"X: y\r\n")),
    Misbehaviour(
        "closes-early", "sends less than its Content-Length", _P, _data(_OK + b"Content-Length: 100\r\n\r\nhel")
    ),
    Misbehaviour("closes-in-chunk", "closes in a chunk", _P, _data(chunked(end=b"64\r\nhello"))),
    Misbehaviour("no-last-chunk", "closes before the last chunk", _P, _data(chunked(b"hello", end=b""))),
    Misbehaviour(
        "bad-chunk", "has a chunk size that is no number", _P, _data(chunked(end=b"five\r\nhello\r\n0\r\n\r\n"))
    ),
    Misbehaviour("negative-chunk", "has a negative chunk size", _P, _data(chunked(end=b"-1\r\nhello\r\n0\r\n\r\n"))),
    Misbehaviour("ssh", "speaks something else", _P, _data(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")),
    Misbehaviour("bad-status", "has no status code", _P, _data(b"HTTP/1.1 fine\r\n\r\n")),
    Misbehaviour("http-2", "answers in HTTP/2", _P, _data(b"HTTP/2.0 200 OK\r\n\r\n")),
    Misbehaviour("switches", "switches protocols, unasked", _P, _data(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n")),
    Misbehaviour("bad-header", "has a header without colon", _P, _data(_OK + b"nonsense\r\n\r\n")),
    Misbehaviour(
        "long-headers", "has over 64 KiB of headers", _P, _data(_OK + b"X: %b\r\n" % (b"a" * 30_000) * 3 + b"\r\n")
    ),
    Misbehaviour("many-headers", "has 201 headers", _P, _data(_OK + b"X: y\r\n" * 201 + b"\r\n")),
    Misbehaviour(
        "two-lengths", "has two lengths", _P, _data(_OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello")
    ),
    Misbehaviour("negative-length", "has a negative length", _P, _data(_OK + b"Content-Length: -5\r\n\r\nhello")),
    Misbehaviour(
        "unknown-coding", "has an unknown transfer coding", _P, _data(_OK + b"Transfer-Encoding: gzip\r\n\r\nhello")
    ),
    Misbehaviour("broken-gzip", "compresses wrongly", _P, _data(response(headers={"Content-Encoding": "gzip"}))),
    Misbehaviour("cut-gzip", "ends within its compression", _P, _data(response(_GZIP[:-4], headers=_IS_GZIP))),
    Misbehaviour("brotli", "compresses as nobody asked", _P, _data(response(headers={"Content-Encoding": "br"}))),
    Misbehaviour("long-chunk", "has a longer chunk than it says", _P, _data(chunked(end=b"5\r\nhello you\r\n"))),
    Misbehaviour("nul-header", "has a NUL in a header", _P, _data(_OK + b"X: a\0b\r\n\r\n")),
    Misbehaviour("http-0.9", "answers without any header", _P, _data(b"<html>hello</html>")),
    Misbehaviour("only-http-2", "speaks only HTTP/2, as gRPC does", _P, _data(b"\0\0\0\4\0\0\0\0\0")),
    Misbehaviour("tls-here", "speaks TLS, though asked without", _P, _data(b"\x15\3\3\0\2\2\x46")),
    Misbehaviour("endless-trailers", "sends trailers without end", _P, _web(does.sends_endless_trailers)),
    Misbehaviour("endless-promises", "sends 100 Continue without end", _P, _web(does.sends_endless_interim_responses)),
)
ODD: Final = (
    Misbehaviour(
        "endless-body", "sends a body without end: what fits the cap is read", None, _web(does.sends_endless_body)
    ),
    Misbehaviour("bomb", "sends 10 MB of a's in 10 KB of gzip", None, _data(compressed(b"a" * (10 << 20)))),
    Misbehaviour("old-http", "answers in HTTP/1.0", None, _data(b"HTTP/1.0 200 OK\r\n\r\nhello")),
    Misbehaviour(
        "early-hints", "sends 103 Early Hints first", None, _data(b"HTTP/1.1 103 Early Hints\r\n\r\n" + response())
    ),
    Misbehaviour("bare-line-feeds", "ends its lines with bare line feeds", None, _data(b"HTTP/1.1 200 OK\n\nhello")),
    Misbehaviour(
        "no-content",
        "answers 204 and promises a body all the same",
        None,
        _data(b"HTTP/1.1 204 None\r\nContent-Length: 9\r\n\r\n"),
    ),
)
UNEXPECTED: Final = (
    Misbehaviour("error", "answers 503", Reason.HTTP_STATUS, _data(response(status="503 Service Unavailable"))),
    Misbehaviour("wrong-text", "lacks the text", Reason.NO_MATCH, _data(response()), {"match": "in stock"}),
    Misbehaviour(
        "error-text",
        "has text that it must not have",
        Reason.FORBIDDEN_MATCH,
        _data(response()),
        {"expect": {"not_match": "hello"}},
    ),
    Misbehaviour(
        "lacks-header",
        "lacks a header",
        Reason.NO_MATCH,
        _data(response()),
        {"expect": {"headers": {"X-App": {"exists": True}}}},
    ),
    Misbehaviour(
        "wrong-json",
        "has other JSON",
        Reason.NO_MATCH,
        _data(response(b'{"status": "ill"}')),
        {"expect": {"json": [{"path": "$.status", "equals": "ok"}]}},
    ),
    Misbehaviour(
        "large",
        "is longer than expected",
        Reason.TOO_LARGE,
        _data(response(b"a" * 9_999)),
        {"expect": {"body_size": 1_000}},
    ),
    Misbehaviour(
        "tardy", "takes longer than it should", Reason.TOO_SLOW, _web(does.tardy), {"expect": {"max_latency": "200ms"}}
    ),
)
REDIRECTING: Final = (
    Misbehaviour("loop", "redirects to itself", Reason.REDIRECT_ERROR, _web(redirecting({"/": "/a", "/a": "/"}))),
    Misbehaviour(
        "nowhere", "redirects to what is no web site", Reason.REDIRECT_ERROR, _web(redirecting({"/": "mailto:me"}))
    ),
    Misbehaviour(
        "no-location", "redirects without a Location", Reason.REDIRECT_ERROR, _data(response(status="302 Found"))
    ),
    Misbehaviour(
        "two-locations",
        "redirects to two places",
        Reason.REDIRECT_ERROR,
        _data(b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\n\r\n"),
    ),
    Misbehaviour(
        "far-away",
        "redirects again and again",
        Reason.REDIRECT_ERROR,
        _web(redirecting({f"/{'a' * n}": f"/{'a' * (n + 1)}" for n in range(9)})),
    ),
    Misbehaviour(
        "spy",
        "redirects to a cloud's metadata service",
        Reason.BLOCKED_ADDRESS,
        _web(redirecting({"/": "http://169.254.169.254:9/"})),
    ),
)
TLS: Final = (
    Misbehaviour("tls-good", "has a good certificate", None, Stage.secure, _TRUSTING),
    Misbehaviour(
        "tls-ends",
        "has a certificate that ends in 5 days",
        Reason.CERT_EXPIRING,
        lambda stage: stage.secure(ends=5 * DAY),
        {**_TRUSTING, "expect": {"cert_days": 14}},
    ),
    Misbehaviour(
        "tls-ended", "has an expired certificate", Reason.TLS_ERROR, lambda stage: stage.secure(ends=-DAY), _TRUSTING
    ),
    Misbehaviour(
        "tls-too-early",
        "has a certificate that is not valid yet",
        Reason.TLS_ERROR,
        lambda stage: stage.secure(begins=DAY),
        _TRUSTING,
    ),
    Misbehaviour(
        "tls-self-signed",
        "has a self-signed certificate",
        Reason.TLS_ERROR,
        lambda stage: stage.secure(issuer=None),
        _TRUSTING,
    ),
    Misbehaviour("tls-unknown-ca", "has a certificate of an unknown CA", Reason.TLS_ERROR, Stage.secure),
    Misbehaviour(
        "tls-other-host",
        "has a certificate for another host",
        Reason.TLS_ERROR,
        lambda stage: stage.secure(hosts=["other.test"]),
        _TRUSTING,
    ),
    Misbehaviour(
        "tls-incomplete", "does not send the intermediate", Reason.TLS_ERROR, Stage.below_intermediate, _TRUSTING
    ),
    Misbehaviour(
        "tls-old",
        "offers TLS 1.0 and 1.1 only",
        Reason.TLS_ERROR,
        lambda stage: stage.secure(adjust=_make_old),
        _TRUSTING,
    ),
    Misbehaviour(
        "tls-asks",
        "demands a client certificate",
        Reason.TLS_ERROR,
        lambda stage: stage.secure(adjust=stage.demand_certificate),
        _TRUSTING,
    ),
    Misbehaviour(
        "tls-plain", "does not speak TLS where it should", Reason.TLS_ERROR, _other_scheme("https", does.speaks_plainly)
    ),
    Misbehaviour(
        "tls-closes", "closes in the handshake", Reason.TLS_ERROR, _other_scheme("https", does.closes_at_once)
    ),
    Misbehaviour("tls-stops", "stops in the handshake", Reason.TIMEOUT, _other_scheme("https", does.never_reads)),
)
NO_WEB: Final = (
    Misbehaviour(
        "nobody", "nobody listens", Reason.CONNECT_ERROR, lambda stage: f"http://{LOOPBACK}:{stage.refusing_port()}/"
    ),
    Misbehaviour("no-such-host", "its name does not exist", Reason.DNS_ERROR, lambda _: "http://no-such-host.invalid/"),
    Misbehaviour("tcp-good", "takes connections", None, _other_scheme("tcp", does.never_reads)),
    Misbehaviour(
        "tcp-nobody", "nobody listens", Reason.CONNECT_ERROR, lambda stage: f"tcp://{LOOPBACK}:{stage.refusing_port()}"
    ),
    Misbehaviour("tls-port-stops", "stops in the handshake", Reason.TIMEOUT, _other_scheme("tls", does.never_reads)),
    Misbehaviour("dns-good", "answers", None, _question("shop.test"), {"expect": {"records": [name_server.ADDRESS]}}),
    Misbehaviour("dns-alias", "answers by way of an alias", None, _question("alias.test")),
    Misbehaviour("dns-long", "answers at length, over TCP", None, _question("long.test", "TXT")),
    Misbehaviour(
        "dns-other",
        "answers with another address",
        Reason.NO_MATCH,
        _question("shop.test"),
        {"expect": {"records": ["192.0.2.99"]}},
    ),
    Misbehaviour("dns-no-name", "says that there is no such name", Reason.DNS_ERROR, _question("no-such-name.test")),
    Misbehaviour("dns-nothing", "has no such record", Reason.DNS_ERROR, _question("nothing.test")),
    Misbehaviour("dns-fails", "fails", Reason.DNS_ERROR, _question("failing.test")),
    Misbehaviour("dns-refuses", "refuses to answer", Reason.DNS_ERROR, _question("refusing.test")),
    Misbehaviour("dns-garbage", "answers with nonsense", _P, _question("garbage.test")),
    Misbehaviour("dns-silent", "does not answer", Reason.TIMEOUT, _question("silent.test")),
    Misbehaviour("dns-forged", "answers another question", Reason.TIMEOUT, _question("forged.test")),
)
MISBEHAVIOURS: Final = (*HANGING, *BROKEN, *ODD, *UNEXPECTED, *REDIRECTING, *TLS, *NO_WEB)


@contextlib.contextmanager
def misbehaving(folder: Path, now: datetime) -> Iterator[dict[str, str]]:
    """Run all of them, with their files in this folder; give the URL of each by its name."""
    stage = Stage(folder, now)
    try:
        yield {one.name: one.start(stage) for one in MISBEHAVIOURS}
    finally:
        stage.close()


def sites_yaml(urls: Mapping[str, str]) -> str:
    """Return the sites file for all of them; it belongs into their folder."""
    sites = [
        {"name": one.name, "url": urls[one.name], **one.fields, "labels": {"shows": one.shows}} for one in MISBEHAVIOURS
    ]
    document = {"defaults": {"interval": INTERVAL_S, "timeout": TIMEOUT_S}, "sites": sites}
    return yaml.dump(document, sort_keys=False, allow_unicode=True, Dumper=_Plain)


class _Plain(yaml.SafeDumper):
    """Writes what occurs twice twice, without anchors: it is read by people."""

    def ignore_aliases(self, _: Any) -> bool:
        return True
