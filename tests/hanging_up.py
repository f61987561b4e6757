"""A server on loopback that hangs up on everybody, and counts them."""

import socket
import threading
from typing import Self


class HangingUp:
    """Listens on this port, or on any, until the end of its block. `visits` is how many have come."""

    def __init__(self, port: int = 0) -> None:
        self.visits = 0
        self._is_ending = False
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_ending = True
        socket.create_connection(self._socket.getsockname()).close()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            client, _ = self._socket.accept()
            with client:
                if self._is_ending:
                    return
                self.visits += 1
