"""What others answer, over HTTP or to mail, is read up to so many bytes: some of it comes without end."""

import io
from typing import Any


def bounded(file: Any, most_bytes: int) -> io.BufferedReader:
    """Return the file of a socket as one that raises an OSError once more has come than that."""
    return io.BufferedReader(_Bounded(file.detach(), most_bytes))


class _Bounded(io.RawIOBase):
    def __init__(self, raw: Any, most_bytes: int) -> None:
        self._raw = raw
        self._left_bytes = most_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        count = self._raw.readinto(buffer)
        self._left_bytes -= count or 0
        if self._left_bytes < 0:
            raise OSError(0, "too long an answer")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
