"""Host names into addresses, the system's way (/etc/hosts too), but with a deadline and bounded.

`getaddrinfo` has no timeout, and a dead name server holds it for ten seconds or more. So it runs in threads of its
own: a check waits only as long as it may, and the names of one domain may hold only some of the threads.
"""

import functools
import ipaddress
import math
import socket
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from sitemon.checks.errors import OwnError
from sitemon.checks.waiting import Event, Waits
from sitemon.clock import monotonic_s
from sitemon.model.outcome import Reason

_IDLE_S: Final = 5.0
_SLOW_S: Final = 1.0
_MOST_SLOW: Final = 2
_MOST_KNOWN_SLOW: Final = 10_000
_MOST_KNOWN_QUICK: Final = 10_000
_LONGEST_ADDRESS: Final = 45
"""An IPv6 address that ends in an IPv4 one; what is longer, and comes from a stranger's redirect, is not kept."""


class Endpoint(NamedTuple):
    """Where to connect to, as `socket` takes it: the address family and (ip, port, …)."""

    family: int
    address: tuple[Any, ...]

    @property
    def ip(self) -> str:
        """The IP address as text."""
        return str(self.address[0])

    def at(self, port: int) -> "Endpoint":
        """Return the same address with this port."""
        return Endpoint(self.family, (self.address[0], port, *self.address[2:]))


Lookup = Callable[[str], tuple[Endpoint, ...]]


def look_up(host: str) -> tuple[Endpoint, ...]:
    """Ask the system for the addresses of a name, in the order in which to try them (RFC 6724).

    Raises:
        socket.gaierror: it has none.
        UnicodeError: it is not a host name.

    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(Endpoint(family, address) for family, _, _, _, address in found))


def literal(host: str) -> Endpoint | None:
    """Return the endpoint of a host that is an IP address already, None for a name."""
    return _literal(host) if len(host) <= _LONGEST_ADDRESS else None


def numeric(host: str) -> Endpoint | None:
    """Return the endpoint of a host that is an IP address in any notation that systems read, such as ``0x7f.1``."""
    bare = host.partition("%")[0].rstrip(".")
    try:
        (family, _, _, _, address), *_ = socket.getaddrinfo(
            bare, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
    except (OSError, UnicodeError):
        return None
    return Endpoint(family, address)


@functools.lru_cache(maxsize=4096)
def _literal(host: str) -> Endpoint | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return Endpoint(socket.AF_INET, (host, 0))
    # A zone (RFC 6874) means something to link-local addresses alone, none of which is visited.
    return Endpoint(socket.AF_INET6, (host.partition("%")[0], 0, 0, 0))


def domain_of(host: str) -> str:
    """Return the part of a host name whose name servers, most likely, are its own: ``shop.test``, ``shop.co.uk``.

    A country's registry that sells names below ``co.``, ``com.`` and the like is told by how short those are.
    """
    labels = host.lower().rstrip(".").split(".")
    is_below_registry = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3 if is_below_registry else -2 :])


class _Lane(NamedTuple):
    """The names of a domain that share threads: those that were answered quickly the last time, or the others."""

    domain: str
    is_quick: bool


class _Question:
    """A name that is being looked up, for all who wait for it."""

    __slots__ = ("answer", "asked_at_s", "error", "host", "lane", "waiting")

    def __init__(self, host: str, lane: _Lane) -> None:
        self.host = host
        self.lane = lane
        self.asked_at_s = math.inf  # no thread is at it yet
        self.waiting: list[Event] = []
        self.answer: tuple[Endpoint, ...] = ()
        self.error: Exception | None = None


class Resolver:
    """Resolves names in at most `threads` threads, of which the names of one domain get at most `per_domain`.

    A domain one of whose names takes long gets no more than two, and all whose last name took long half of the threads,
    so that many dead domains do not hold up the others. Names that were answered quickly the last time have threads
    apart from the others of their domain, a part of which may be dead: in what follows they are a domain of their own.
    Threads start when needed and end when idle. Those who ask for a name while it is being looked up share the answer;
    no answer is remembered longer, so that each check sees the names as they are.
    """

    def __init__(self, *, threads: int = 96, per_domain: int = 16, lookup: Lookup = look_up) -> None:
        self._max_threads = threads
        self._max_per_domain = per_domain
        self._lookup = lookup
        self._changed = threading.Condition()
        self._open: dict[str, _Question] = {}
        self._waiting: dict[_Lane, dict[str, _Question]] = {}  # by host, in the order in which they came
        self._ready: dict[_Lane, None] = {}  # those with questions that perhaps may be asked
        self._shut: dict[_Lane, None] = {}  # those that wait for fewer threads to be with slow ones
        self._running: defaultdict[_Lane, set[_Question]] = defaultdict(set)
        self._slow: set[_Lane] = set()
        self._quick_hosts: dict[str, None] = {}  # the one that was answered last is the last
        self._threads = 0
        self._idle = 0

    async def resolve(self, host: str, waits: Waits, timeout_s: float) -> tuple[Endpoint, ...]:
        """Return the endpoints of a host name, in the order in which to try them.

        Raises:
            TimeoutError: no answer within that time.
            OwnError: no thread was free to ask in that time.
            socket.gaierror: the name has no address.
            UnicodeError: it is not a host name.

        """
        answered = waits.event()
        question = self._ask(host, answered)
        try:
            if not await answered.wait(timeout_s):
                if question.asked_at_s == math.inf:
                    raise OwnError(Reason.TIMEOUT, "this process had too many other host names to look up (dns)")
                raise TimeoutError("no answer from the name service in time")
        finally:
            self._leave(question, answered)
        if question.error is not None:
            raise type(question.error)(*question.error.args)  # a new one: an exception belongs to one check
        return question.answer

    def _ask(self, host: str, answered: Event) -> _Question:
        with self._changed:
            question = self._open.get(host)
            if question is None:
                lane = _Lane(domain_of(host), host in self._quick_hosts)
                question = self._open[host] = _Question(host, lane)
                self._waiting.setdefault(lane, {})[host] = question
                if lane not in self._shut:
                    self._ready[lane] = None
                self._call_a_thread()
            question.waiting.append(answered)
            return question

    def _leave(self, question: _Question, answered: Event) -> None:
        """Take back a question that nobody waits for any more, unless a thread already works on it."""
        with self._changed:
            question.waiting.remove(answered)
            # Another one of the same name may wait by now: whoever was answered leaves later.
            if not question.waiting and self._waiting.get(question.lane, {}).get(question.host) is question:
                del self._waiting[question.lane][question.host]
                self._forget_if_empty(question.lane)
                del self._open[question.host]

    def _call_a_thread(self) -> None:
        if self._idle:
            self._changed.notify()
        elif self._threads < self._max_threads:
            try:
                threading.Thread(target=self._work, name="sitemon-resolver", daemon=True).start()
            except RuntimeError:  # the system has none left; those that there are will come to it
                return
            self._threads += 1

    def _work(self) -> None:
        while (question := self._next_question()) is not None:
            try:
                question.answer = self._lookup(question.host)
            except Exception as exc:  # noqa: BLE001 - raised again in the checks that asked
                question.error = exc
            self._finish(question)

    def _next_question(self) -> _Question | None:
        """Take a question whose domain has a free place; None, and the thread is gone, after a while without one."""
        with self._changed:
            question = self._take()
            while question is None:
                self._idle += 1
                was_called = self._changed.wait(_IDLE_S)
                self._idle -= 1
                question = self._take()
                if question is None and not was_called:
                    self._threads -= 1
                    return None
            question.asked_at_s = monotonic_s()
            self._running[question.lane].add(question)
            if self._ready:  # of several questions that came at once, each called the same idle thread
                self._call_a_thread()
            return question

    def _take(self) -> _Question | None:
        """Take a question whose domain has a free place; the domains take turns.

        Of those that have none each is looked at once, until one of its own names, or of slow ones, is answered: the
        owners choose how many there are, and how many names wait.
        """
        while self._ready:
            lane = next(iter(self._ready))
            del self._ready[lane]
            if lane not in self._waiting or self._is_full(lane):
                continue
            if lane in self._slow and self._has_slow_enough():
                self._shut[lane] = None
                continue
            question = self._waiting[lane].pop(next(iter(self._waiting[lane])))
            if not self._forget_if_empty(lane):
                self._ready[lane] = None
            return question
        return None

    def _has_slow_enough(self) -> bool:
        slow = sum(len(running) for lane, running in self._running.items() if lane in self._slow)
        return slow >= self._max_threads // 2

    def _forget_if_empty(self, lane: _Lane) -> bool:
        is_empty = not self._waiting[lane]
        if is_empty:
            del self._waiting[lane]
            self._shut.pop(lane, None)
        return is_empty

    def _is_full(self, lane: _Lane) -> bool:
        running = self._running.get(lane, ())
        slow_s = monotonic_s() - _SLOW_S
        is_slow = any(one.asked_at_s < slow_s for one in running)
        return len(running) >= (_MOST_SLOW if is_slow else self._max_per_domain)

    def _finish(self, question: _Question) -> None:
        with self._changed:
            del self._open[question.host]
            was_slow = question.lane in self._slow
            self._note_speed(question, monotonic_s() - question.asked_at_s)
            self._running[question.lane].discard(question)
            if not self._running[question.lane]:
                del self._running[question.lane]
            if was_slow:
                self._open_shut()
            if question.lane in self._waiting:
                self._ready[question.lane] = None
            for answered in question.waiting:
                answered.set()

    def _note_speed(self, question: _Question, took_s: float) -> None:
        self._quick_hosts.pop(question.host, None)
        if took_s < _SLOW_S:
            self._slow.discard(question.lane)
            if question.error is None:
                self._note_quick(question.host)
            return
        if len(self._slow) >= _MOST_KNOWN_SLOW:
            self._slow.clear()
            self._open_shut()
        self._slow.add(question.lane)

    def _note_quick(self, host: str) -> None:
        if len(self._quick_hosts) >= _MOST_KNOWN_QUICK:
            del self._quick_hosts[next(iter(self._quick_hosts))]
        self._quick_hosts[host] = None

    def _open_shut(self) -> None:
        self._ready |= self._shut
        self._shut.clear()
