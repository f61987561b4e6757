"""TLS over a connection of an exchange, a piece at a time.

OpenSSL reads from memory what we read from the socket. If it read from the socket itself, a server that sends faster
than we decrypt (session tickets, requests for a new handshake) would keep it inside one call for as long as it likes.
"""

import contextlib
import select
import ssl
from typing import Final, Self

from sitemon.checks.errors import CheckError, TooLongError
from sitemon.checks.net.aside import TOO_LONG_S, done_aside
from sitemon.checks.net.exchange import BoundedSocket, Exchange
from sitemon.checks.net.quick_sites import QuickSites, SiteOfFile
from sitemon.checks.net.retry_request import FirstMessage, asks_for_finite_field
from sitemon.checks.net.tls import bad_certificate, served_chain
from sitemon.checks.net.tls_contexts import TlsContext, context_aside
from sitemon.clock import thread_cpu_s, utc_now
from sitemon.model.outcome import Reason
from sitemon.model.site import Tls

_PIECE_BYTES: Final = 16 << 10
_PIECE_WITH_OUR_CERTIFICATE_BYTES: Final = 512
"""To ask for our certificate takes a server some 50 bytes, and us a signature of a millisecond or several."""
_MOST_ANSWERED_BYTES: Final = 16 << 10
"""What OpenSSL says by itself once the handshake is over: our certificate, when the server asks for it then. A long
chain has 10 KiB; with a key of 4,096 bits they are a dozen signatures at most."""
_LONGEST_HANDSHAKE_BYTES: Final = 24 << 10
"""Of a server, until its certificates are verified. Long chains have 10 KiB, names of CAs whose clients it takes 16."""
_LIGHT_HANDSHAKE_BYTES: Final = 4 << 10
"""Most chains have less. What is longer may take 0.1 s where it is valid by roots that its owner chose, and seconds to
read where a server means ill."""
_MOST_OVERHEAD_BYTES: Final = 256 << 10
_WIRE_BYTES_A_BYTE: Final = 3
"""Records of 11 bytes of content; who sends a byte a record may do so 12,000 times."""
_SMALL_BYTES: Final = 1 << 10


_quick: Final = QuickSites()


class TlsConnection:
    """A TLS connection that does not block, within the bounds of its exchange: the same verbs as `BoundedSocket`."""

    def __init__(self, plain: BoundedSocket, context: TlsContext, host: str) -> None:
        self.exchange: Exchange = plain.exchange
        self.has_more = False
        self._plain = plain
        self._received, self._unsent = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._left = memoryview(b"")
        self._overhead_bytes = self._answered_bytes = 0
        self._piece_bytes = _PIECE_WITH_OUR_CERTIFICATE_BYTES if context.own_certificate else _PIECE_BYTES
        self._first: FirstMessage | None = FirstMessage()  # until it was looked at
        self._context = context
        self._is_aside = False
        self._site = SiteOfFile(self.exchange.file, self.exchange.site)
        self._ending: ssl.SSLError | None = None  # how it ended, behind what could be read
        self._tls = context.wrap_bio(self._received, self._unsent, server_hostname=host)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """Return the number of the socket."""
        return self._plain.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._plain.close()

    @property
    def version(self) -> str | None:
        """The TLS version, such as ``TLSv1.3``."""
        return self._tls.version()

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The certificates that the server sent, DER-encoded, its own first."""
        return () if self._is_aside else served_chain(self._tls)

    async def shake_hands(self) -> None:
        """Make the handshake within the time left.

        Raises:
            CheckError: the server asks for or sends what takes long, or sends too much.
            OwnError: others took that long.
            ssl.SSLError: it failed, or the certificate is not valid.
            OSError: the connection failed; TimeoutError: the time is up.

        """
        while True:
            wanted = select.POLLIN
            try:
                await self._step()
                is_over = True
            except ssl.SSLWantReadError:
                is_over = False
            except ssl.SSLError:
                _quick.note_end(self._site)
                with contextlib.suppress(OSError):
                    self.flush()  # the alert that says why
                raise
            self._refuse_if_it_rests()
            try:
                self.flush()
            except BlockingIOError:
                wanted |= select.POLLOUT
            if is_over and not wanted & select.POLLOUT:
                break
            await self.exchange.ready({self.fileno(): wanted})
            with contextlib.suppress(BlockingIOError):
                self._take()
            if self._overhead_bytes > _LONGEST_HANDSHAKE_BYTES:
                raise CheckError(Reason.TLS_ERROR, "the server sends too much before the handshake is over")
        _quick.note_end(self._site)
        self.has_more = self._received.pending > 0

    async def _step(self) -> None:
        """Go on with the handshake as far as what was received allows."""
        context = self._context
        is_light = context.own_certificate is None and self._overhead_bytes <= _LIGHT_HANDSHAKE_BYTES
        if not self._overhead_bytes or (is_light and _quick.has(self._site)):
            self._step_here()
            return
        # While another thread has it, and it has it to the end, nobody else may touch it.
        self._is_aside = True
        exchange = self.exchange
        try:
            await done_aside(
                exchange.file,
                context.own_certificate or context.own_roots or exchange.site,
                self._step_aside,
                exchange.waits,
                exchange.remaining_s(),
                patience_s=exchange.patience_s(),
                is_slow=_quick.is_slow(self._site),
            )
        except TooLongError:
            if self._is_aside:  # it is still at it, and notes its step only at its end
                _quick.note_step(self._site, TOO_LONG_S)
            raise

    def _step_aside(self) -> None:
        try:
            self._refuse_if_it_rests()
            self._step_here()
        finally:
            self._is_aside = False

    def _refuse_if_it_rests(self) -> None:
        if _quick.rests(self._site):
            raise TooLongError

    def _step_here(self) -> None:
        began_s = thread_cpu_s()
        try:
            self._tls.do_handshake()
        finally:
            _quick.note_step(self._site, thread_cpu_s() - began_s)

    def recv(self, most_bytes: int) -> bytes:
        """Return what is there next, b"" at the end; `has_more` then says whether more is, of which no socket tells.

        Raises:
            BlockingIOError: there is nothing yet.
            ssl.SSLError, OSError: the connection failed.
            CheckError: the server plays games.

        """
        if not self.has_more:
            self._take()
        unsent_bytes = self._unsent.pending
        try:
            data = self._read(most_bytes)
        except ssl.SSLWantReadError as exc:
            self.has_more = False
            raise BlockingIOError from exc
        except ssl.SSLEOFError:
            return b""  # many servers close without saying so in TLS; HTTP tells whether that was the end
        finally:
            self._count_answers(self._unsent.pending - unsent_bytes)
            with contextlib.suppress(OSError):
                self.flush()
        self.has_more = self._ending is not None or self._has_records()
        self._overhead_bytes -= _WIRE_BYTES_A_BYTE * len(data)
        return data

    def _read(self, most_bytes: int) -> bytes:
        """Return what the records hold that were received; of OpenSSL each is had by a call of its own.

        Raises:
            ssl.SSLError: they are not valid, or the first of them is not all there (SSLWantReadError).

        """
        if self._ending is not None:
            raise self._ending
        data = self._tls.read(most_bytes)
        if len(data) >= _SMALL_BYTES or not self._has_records():
            return data
        pieces, left_bytes = [data], most_bytes - len(data)
        while left_bytes and self._has_records():
            try:
                piece = self._tls.read(left_bytes)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError as exc:
                self._ending = exc
                break
            if not piece:
                self._ending = ssl.SSLEOFError()
                break
            pieces.append(piece)
            left_bytes -= len(piece)
        return b"".join(pieces)

    def _has_records(self) -> bool:
        return bool(self._received.pending or self._tls.pending())

    def send(self, data: memoryview) -> int:
        """Send as much as goes at once and return how much that was; `flush` says when it is out.

        Raises:
            BlockingIOError: nothing does, for now.
            ssl.SSLError, OSError: the connection failed.

        """
        self.flush()
        return self._tls.write(data[:_PIECE_BYTES])

    def flush(self) -> None:
        """Send what is encrypted.

        Raises:
            BlockingIOError: not all of it goes now.
            OSError: the connection failed.

        """
        while self._left or self._unsent.pending:
            self._left = self._left or memoryview(self._unsent.read())
            self._left = self._left[self._plain.send(self._left) :]

    def _count_answers(self, count: int) -> None:
        self._answered_bytes += count
        if self._answered_bytes > _MOST_ANSWERED_BYTES:
            raise CheckError(Reason.PROTOCOL_ERROR, "the server asks for our certificate again and again")

    def _take(self) -> None:
        data = self._plain.recv(self._piece_bytes)
        self._overhead_bytes += len(data)
        if self._overhead_bytes > _MOST_OVERHEAD_BYTES:
            raise CheckError(Reason.PROTOCOL_ERROR, "the server sends more of TLS than content")
        if self._first is not None:
            self._look_at_first(data)
        if data:
            self._received.write(data)
        else:
            self._received.write_eof()

    def _look_at_first(self, data: bytes) -> None:
        assert self._first is not None  # noqa: S101 - it is looked at once
        message = self._first.take(data)
        if message is not None:
            self._first = None
            if asks_for_finite_field(message):
                raise CheckError(Reason.TLS_ERROR, "the server asks for a key exchange in a finite field")
        elif self._first.received_bytes > _LONGEST_HANDSHAKE_BYTES:
            raise CheckError(Reason.TLS_ERROR, "the server does not speak TLS on this port")


async def secure(plain: BoundedSocket, tls: Tls, host: str, *, is_web: bool = True) -> TlsConnection:
    """Make the TLS handshake over a connection within the time left, and note the certificates that came.

    The connection belongs to the one that is returned; on failure it is closed.

    Raises:
        CheckError: a certificate is not valid; see `shake_hands` too.
        ssl.SSLError: the handshake failed.
        OSError: the connection failed, the time is up (TimeoutError), or the CA file cannot be read.

    """
    exchange = plain.exchange
    exchange.watch.enter("tls")
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(plain.close)
        context = await context_aside(
            tls,
            exchange.file,
            exchange.waits,
            exchange.remaining_s(),
            patience_s=exchange.patience_s(),
            is_web=is_web,
        )
        connection = TlsConnection(plain, context, tls.server_name or host)
        try:
            await connection.shake_hands()
        except ssl.SSLCertVerificationError as exc:
            raise bad_certificate(exc, connection.chain, utc_now()) from exc
        finally:
            exchange.chain = connection.chain
        on_failure.pop_all()
    return connection
