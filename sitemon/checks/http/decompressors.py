"""Brotli (RFC 7932) and Zstandard (RFC 8878), where the standard library or the extra ``compression`` has them."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

_LARGEST_ZSTD_WINDOW: Final = 23
"""8 MiB, as a power of two: no content coding has more (RFC 9659, 3)."""


class Decompressor(Protocol):
    """What undoes one stream; `eof` at its end, behind which stands `unused_data`."""

    @property
    def eof(self) -> bool:
        """Whether the stream is over."""

    @property
    def needs_input(self) -> bool:
        """Whether nothing is there any more without further input."""

    @property
    def unused_data(self) -> bytes:
        """What came behind the end."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Take what came next, b"" unless `needs_input`; return about so much of what it is when decompressed."""


class _Brotli:
    unused_data: Final = b""

    def __init__(self, brotli: Any) -> None:
        self._inner = brotli.Decompressor()

    @property
    def eof(self) -> bool:
        return bool(self._inner.is_finished())

    @property
    def needs_input(self) -> bool:
        return bool(self._inner.can_accept_more_data())

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return bytes(self._inner.process(data, output_buffer_limit=max_length))


def _found() -> tuple[dict[str, Callable[[], Decompressor]], tuple[type[Exception], ...]]:
    found: dict[str, Callable[[], Decompressor]] = {}
    errors: list[type[Exception]] = []
    with contextlib.suppress(ImportError):
        import brotli  # noqa: PLC0415 - it need not be there

        if hasattr(brotli.Decompressor, "can_accept_more_data"):  # before 1.2, what it makes has no bound
            found["br"] = lambda: _Brotli(brotli)
            errors.append(brotli.error)
    with contextlib.suppress(ImportError):
        zstd = _zstd()
        options = {zstd.DecompressionParameter.window_log_max: _LARGEST_ZSTD_WINDOW}
        found["zstd"] = lambda: zstd.ZstdDecompressor(options=options)
        errors.append(zstd.ZstdError)
    return found, tuple(errors)


def _zstd() -> Any:
    try:
        from compression import zstd  # noqa: PLC0415 - from Python 3.14 on
    except ImportError:
        from backports import zstd  # noqa: PLC0415
    return zstd


_FOUND: Final = _found()
DECOMPRESSORS: Final[Mapping[str, Callable[[], Decompressor]]] = _FOUND[0]
"""Those that are there, by the name of their content coding."""
ERRORS: Final = _FOUND[1]
"""What they raise of a stream that is broken."""
