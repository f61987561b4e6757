"""TLS contexts: one for each distinct setting, of which those with files of a site's owner take bounded memory."""

import contextlib
import functools
import math
import os
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from sitemon.checks.errors import CheckError
from sitemon.checks.net.aside import done_aside
from sitemon.checks.waiting import Waits
from sitemon.config import ca_files, chosen_files, own_certificates
from sitemon.model.outcome import Reason
from sitemon.model.site import Site, Tls

_MOST_BYTES: Final = 300 << 20
"""Of all contexts of settings with files of their own."""
_CONTEXT_BYTES: Final = 18 << 10
"""Of each, without certificates."""

_Stamps = tuple[tuple[int, int], ...]
_Key = tuple[Tls, bool]


class TlsContext(ssl.SSLContext):
    """What connections of a setting share.

    `own_roots` are its CA file, None without: who chooses the roots chooses how long a chain takes to verify.
    `own_certificate` is the file of what we show: who chooses its key chooses how long we take to sign. `own_bytes` is
    about how much memory the certificates of both take.
    """

    own_roots: str | None = None
    own_certificate: str | None = None
    own_bytes = 0


class _Kept(NamedTuple):
    """A context, its files as they were when it was made, about its memory, and the files of sites that use it."""

    stamps: _Stamps
    context: TlsContext
    taken_bytes: int
    users: set[str]


class TlsContexts:
    """The contexts of a process. Those whose files a site names have bounded room in common.

    Where it is short, the file of sites whose contexts take most lets go of its oldest, which is kept while others use
    it: who names very many has those of nobody else read again.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self.lock = threading.Lock()
        self.kept: dict[_Key, _Kept] = {}
        self._left_bytes = most_bytes
        self._used: dict[str, dict[_Key, None]] = {}
        """The contexts of each file of sites, the oldest first."""
        self._used_bytes: Counter[str] = Counter()

    def keep(self, key: _Key, stamps: _Stamps, context: TlsContext, user: str) -> None:
        """Keep a context for a file of sites, and make room. The lock is held."""
        kept = self.kept.get(key)
        if kept is not None and kept.context is not context:
            for other in tuple(kept.users):
                self._let_go(other, key)
            kept = None
        if kept is None:
            kept = self.kept[key] = _Kept(stamps, context, _taken_bytes(context) if stamps else 0, set())
            self._left_bytes -= kept.taken_bytes
        if stamps and user not in kept.users:
            kept.users.add(user)
            self._used.setdefault(user, {})[key] = None
            self._used_bytes[user] += kept.taken_bytes
        while self._left_bytes < 0:
            most = max(self._used, key=self._used_bytes.__getitem__)
            self._let_go(most, next(iter(self._used[most])))

    def _let_go(self, user: str, key: _Key) -> None:
        kept = self.kept[key]
        kept.users.remove(user)
        del self._used[user][key]
        self._used_bytes[user] -= kept.taken_bytes
        if not self._used[user]:
            del self._used[user], self._used_bytes[user]
        if not kept.users:
            self._left_bytes += kept.taken_bytes
            del self.kept[key]


def _taken_bytes(context: TlsContext) -> int:
    of_the_system = 0 if context.own_roots else context.cert_store_stats()["x509"]
    return _CONTEXT_BYTES + of_the_system * chosen_files.CERTIFICATE_BYTES + context.own_bytes


_contexts: Final = TlsContexts()


def context_for(tls: Tls, file: str = "", *, is_web: bool = True) -> TlsContext:
    """Return this process's only context for the setting: to read the roots costs as much as twenty checks.

    `file` is that of the site. A file of the setting that has changed since is read again: certificates are renewed
    under a running worker. Who does not speak HTTP (`is_web`) may refuse a client that offers nothing else.

    Raises:
        OSError: a file cannot be read; ssl.SSLError, if there is no certificate in it.
        CheckError: there are too many, or our certificate or its key is none that is taken.

    """
    if tls.server_name is not None:  # which belongs to a connection
        tls = without_server_name(tls)
    key = tls, is_web
    known = _known(key, file)
    if known is None:
        with _contexts.lock:  # 64 threads that start together would each read the roots
            stamps, kept = _stamps_of(tls), _contexts.kept.get(key)
            known = _new_context(tls, is_web=is_web) if kept is None or kept.stamps != stamps else kept.context
            _contexts.keep(key, stamps, known, file)
    return known


async def context_aside(
    tls: Tls, file: str, waits: Waits, at_most_s: float, *, patience_s: float = math.inf, is_web: bool = True
) -> TlsContext:
    """Do the same for a site of this file, but read those that it names where that holds up no other check.

    Raises:
        OwnError: that came to no end in time; see `done_aside`.

    """
    named = tls.ca_file or tls.cert_file
    if named is None:
        return context_for(tls, file, is_web=is_web)
    tls = without_server_name(tls)
    known = _known((tls, is_web), file)
    if known is not None:
        return known
    make = functools.partial(context_for, tls, file, is_web=is_web)
    return await done_aside(file, named, make, waits, at_most_s, patience_s=patience_s)


def _known(key: _Key, file: str) -> TlsContext | None:
    """Return the context of a setting if it is kept for this file of sites, and none of its own has changed since."""
    found = _contexts.kept.get(key)
    if found is None or found.stamps != _stamps_of(key[0]) or (found.stamps and file not in found.users):
        return None
    return found.context


def without_server_name(tls: Tls) -> Tls:
    """Return the settings for a host other than the one whose name they give."""
    return msgspec.structs.replace(tls, server_name=None)


def _stamps_of(tls: Tls) -> _Stamps:
    files = [file for file in (tls.ca_file, tls.cert_file, tls.key_file) if file is not None]
    if not files:  # as nearly always: this runs for every check
        return ()
    return tuple((found.st_mtime_ns, found.st_ino) for found in map(os.stat, files))


async def warm_up(site: Site, waits: Waits, *, is_web: bool = True) -> None:
    """Make the context of a site ahead of a check: to read the roots is our own work, not the site's latency."""
    with contextlib.suppress(OSError, CheckError):  # the handshake will say so
        await context_aside(site.tls, site.file, waits, site.timeout_s, is_web=is_web)


def _new_context(tls: Tls, *, is_web: bool) -> TlsContext:
    context = TlsContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # a second handshake is within no bound of the first one
    context.hostname_checks_common_name = False  # RFC 9525, 2
    # In a finite field, a server chooses the size: 9,990 bits take 0.9 s.
    context.set_ciphers(":".join(name for name in _ciphers(context) if not name.startswith("DHE-")))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a CA file may hold just an intermediate or the leaf
    if is_web:
        context.set_alpn_protocols(["http/1.1"])
        context.post_handshake_auth = True  # a server may ask for our certificate once it knows the path
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca_file is not None:
        _trust(context, tls.ca_file, tls.files_below)
    else:
        context.load_default_certs()
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)  # certifi's: a container often has no others
    if tls.cert_file is not None:
        _show(context, tls.cert_file, tls.key_file, tls.files_below)
    return context


def _trust(context: TlsContext, ca_file: str, below: str | None) -> None:
    context.own_roots = ca_file
    try:
        context.own_bytes += ca_files.load(context, ca_file, below)
    except chosen_files.TooMuchError as exc:  # it has grown since the sites were read
        raise CheckError(Reason.TLS_ERROR, "the CA file holds too many certificates") from exc
    except chosen_files.UnfitKeyError as exc:
        raise CheckError(Reason.TLS_ERROR, f"the CA file: {exc}") from exc


def _show(context: TlsContext, cert_file: str, key_file: str | None, below: str | None) -> None:
    context.own_certificate = cert_file
    try:
        context.own_bytes += own_certificates.load(context, cert_file, key_file, below)
    except chosen_files.UnfitKeyError as exc:  # it has changed since the sites were read
        raise CheckError(Reason.TLS_ERROR, f"our client certificate: {exc}") from exc
    except chosen_files.TooMuchError as exc:
        raise CheckError(Reason.TLS_ERROR, "our client certificate: its file, or that of its key, is too long") from exc


def _ciphers(context: ssl.SSLContext) -> Iterator[str]:
    """Yield those of TLS 1.2; later ones cannot be chosen."""
    return (cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] != "TLSv1.3")
