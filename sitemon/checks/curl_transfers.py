"""HTTP by way of libcurl on a loop: we tell its multi interface of sockets and of time, and it tells us.

Connections come ready-made: dialled past the address policy, with their handshake done. libcurl opens none.
"""

import contextlib
import select
from typing import Any, Final

import pycurl

from sitemon.checks.check_error import CheckError
from sitemon.checks.curl_transfer import Transfer
from sitemon.checks.expect import Page
from sitemon.checks.loop import Loop
from sitemon.checks.prepare import Prepared
from sitemon.checks.route import Route
from sitemon.checks.tls import TlsSocket
from sitemon.checks.tls_pump import TlsPump
from sitemon.clock import monotonic_s
from sitemon.model.site import Site

_WATCHED: Final = {
    pycurl.POLL_NONE: 0,
    pycurl.POLL_IN: select.EPOLLIN,
    pycurl.POLL_OUT: select.EPOLLOUT,
    pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
}


class Transfers:
    """All exchanges of one loop, by one multi handle. Belongs to the loop's thread."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._idle: list[Transfer] = []
        self._running: dict[pycurl.Curl, Transfer] = {}
        self._by_number: dict[int, Transfer] = {}
        self._watched: set[int] = set()
        self._timer: int | None = None
        self._is_due = False

    async def fetch(self, route: Route, prepared: Prepared, site: Site) -> Page:
        """Send the request and return the response; see `visit.Fetch`."""
        connection = await route.open()
        if not isinstance(connection, TlsSocket):
            return await self._exchange(connection.detach(), route, prepared, site)
        with contextlib.closing(TlsPump(self._loop, connection)) as pump:
            try:
                return await self._exchange(pump.number, route, prepared, site)
            except CheckError as exc:
                failure = pump.error or exc  # libcurl saw its end closed, the pump knows why
            raise failure

    def close(self) -> None:
        """Give back what it holds; no exchange is under way."""
        self._multi.close()
        for transfer in self._idle:
            transfer.curl.close()

    async def _exchange(self, number: int, route: Route, prepared: Prepared, site: Site) -> Page:
        transfer = self._idle.pop() if self._idle else Transfer()
        transfer.begin(number, route, prepared, site)
        self._begin(transfer)
        try:
            while not await transfer.ended.wait(route.exchange.remaining_s()):
                pass
            return transfer.page()
        finally:
            self._end(transfer)
            self._idle.append(transfer)

    def _begin(self, transfer: Transfer) -> None:
        self._running[transfer.curl] = self._by_number[transfer.number] = transfer
        self._multi.add_handle(transfer.curl)

    def _end(self, transfer: Transfer) -> None:
        self._multi.remove_handle(transfer.curl)
        self._forget(transfer)
        transfer.close()

    def _forget(self, transfer: Transfer) -> None:
        """Take it for over. Its number may be that of another by now: libcurl closes connections as they end."""
        self._running.pop(transfer.curl, None)
        if self._by_number.get(transfer.number) is transfer:
            del self._by_number[transfer.number]

    def _watch(self, what: int, number: int, _multi: pycurl.CurlMulti, _data: Any) -> None:
        """Do what libcurl asks for: watch a socket, or no more."""
        if what == pycurl.POLL_REMOVE:
            self._loop.forget(number)
            self._watched.remove(number)
        elif number in self._watched:
            self._loop.watch_for(number, _WATCHED[what])
        else:
            self._watched.add(number)
            self._loop.watch(number, _WATCHED[what], self._is_ready)

    def _set_timer(self, wait_ms: int) -> None:
        """Do what libcurl asks for: wake it then, or at no time if that is negative."""
        if self._timer is not None:
            self._loop.alarms.call_off(self._timer, self._time_is_up)
            self._timer = None
        if wait_ms == 0 and not self._is_due:
            self._is_due = True
            self._loop.call(self._time_is_up)  # not now: libcurl is not to be called while it calls us
        elif wait_ms > 0:
            self._timer = self._loop.alarms.set(monotonic_s() + wait_ms / 1000, self._time_is_up)

    def _time_is_up(self) -> None:
        self._is_due = False
        self._act(pycurl.SOCKET_TIMEOUT, 0)

    def _is_ready(self, number: int, events: int) -> None:
        flags = (
            (pycurl.CSELECT_IN if events & select.EPOLLIN else 0)
            | (pycurl.CSELECT_OUT if events & select.EPOLLOUT else 0)
            | (pycurl.CSELECT_ERR if events & (select.EPOLLERR | select.EPOLLHUP) else 0)
        )
        self._act(number, flags)
        transfer = self._by_number.get(number)
        if transfer is not None and events & select.EPOLLIN:
            transfer.note_bytes()

    def _act(self, number: int, flags: int) -> None:
        _, running = self._multi.socket_action(number, flags)
        if running < len(self._running):
            self._collect()

    def _collect(self) -> None:
        _, good, bad = self._multi.info_read()
        for curl in good:
            self._ended(curl, 0, "")
        for curl, code, message in bad:
            self._ended(curl, code, message)

    def _ended(self, curl: pycurl.Curl, code: int, message: str) -> None:
        transfer = self._running[curl]
        self._forget(transfer)
        transfer.end(code, message)
