"""Host names into addresses, the system's way (/etc/hosts too), but with a deadline: threads, turns, what is slow.

`getaddrinfo` has no timeout, and a dead name server holds it for ten seconds or more. So it runs in threads of its
own: a check waits only as long as it may, and the names of one domain, or of one file of sites, may hold only some of
the threads.
"""

import functools
import ipaddress
import math
import socket
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from sitemon.checks.errors import OUR_ERRNOS, OwnError
from sitemon.checks.fair_queue import FairQueue
from sitemon.checks.net.known_names import KnownNames, Names, Speed
from sitemon.checks.waiting import Event, Waits
from sitemon.clock import monotonic_s
from sitemon.kept import keep_last
from sitemon.model.outcome import Reason

MOST_OF_A_FAMILY: Final = 20
"""So many addresses of a name are judged and tried. To judge one takes 50 us, and its owner may give it thousands."""
_IDLE_S: Final = 5.0
_SLOW_S: Final = 1.0
_MOST_SLOW: Final = 2
_OF_A_FILE: Final = 4
"""The names of a file hold at most so many times the threads that are left for those of others."""
_REST_S: Final = 0.00015
"""For each address too many: twenty times what the system takes to find it and put it in order."""
_MOST_OWED_S: Final = 5.0
_MOST_TURNS: Final = 10_000
"""More than there may be files of sites."""
_NAME_SERVER_HERE: Final = ("127.0.0.1", 53)
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


def look_up(host: str, family: int = socket.AF_UNSPEC) -> tuple[Endpoint, ...]:
    """Ask the system for the addresses of a name, in the order in which to try them (RFC 6724), all that it has.

    Of both families the system returns those of one where it could not find out the others, and does not say so.

    Raises:
        socket.gaierror: it has none.
        OSError: we have too little of something to ask.
        UnicodeError: it is not a host name.

    """
    try:
        found = socket.getaddrinfo(host, None, family, socket.SOCK_STREAM)
    except socket.gaierror as exc:
        if exc.errno == socket.EAI_AGAIN:
            _raise_if_nothing_can_be_asked()
        raise
    return tuple([Endpoint(of, address) for of, _, _, _, address in found])


def _raise_if_nothing_can_be_asked() -> None:
    """Raise what keeps us from sending datagrams; the system says of that only that no name server answers."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.connect(_NAME_SERVER_HERE)
    except OSError as exc:
        if exc.errno in OUR_ERRNOS:
            raise


def few(endpoints: Iterable[Endpoint], most: int = MOST_OF_A_FAMILY) -> Iterator[Endpoint]:
    """Yield the first of each family."""
    counts: Counter[int] = Counter()
    for endpoint in endpoints:
        counts[endpoint.family] += 1
        if counts[endpoint.family] <= most:
            yield endpoint


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


class _Lane(msgspec.Struct, eq=False):
    """Questions for such names, by host in the order in which they came, and those that threads are at."""

    names: Names
    speed: Speed
    waiting: "dict[str, _Question]" = {}
    running: "set[_Question]" = set()


class _Question(msgspec.Struct, eq=False):
    """A name that is being looked up, for all who wait for it.

    It waits in a lane of each file whose sites ask; a thread is at it for one of them, at the `speed` of then.
    """

    host: str
    lanes: list[_Lane] = []
    speed: Speed = Speed.UNKNOWN
    asked_at_s: float = math.inf  # no thread is at it yet
    waiting: list[Event] = []
    answer: tuple[Endpoint, ...] = ()
    error: Exception | None = None


class Resolver:
    """Resolves names in at most `threads` threads, of which the names of one domain in a file get at most `per_domain`.

    A domain one of whose names takes long gets no more than two. Names that were answered quickly the last time have
    threads apart from the others of their domain, a part of which may be dead: in what follows they are a domain of
    their own. Those whose last name took long get half of the threads, with those that are not known three quarters, so
    that many dead domains hold up neither new names nor those that are known to be quick. Of the files of sites, that
    one is next which holds the fewest threads, and each leaves a fifth of what it could have to the others: with names
    that take long, or very many, its owner holds up no other's. A file whose names were given up before they had a turn
    comes back before those that had one since.

    Very many addresses take the system long to put in order. A thread that found them rests once it has answered, those
    of a file one after the other: so such names take a twentieth of a core. Domains that had such are as one, of two
    threads. While a file owes much rest, only names of it that were answered quickly are looked up: what a server
    redirects to holds up none of these. The others wait behind those of all other files.

    Threads start when needed and end when idle. Those who ask for a name while it is being looked up share the answer;
    no answer is remembered longer, so that each check sees the names as they are.
    """

    def __init__(self, *, threads: int = 96, per_domain: int = 16, lookup: Lookup = look_up) -> None:
        self._max_threads = threads
        self._max_per_domain = per_domain
        self._lookup = lookup
        lock = threading.RLock()
        self._changed = threading.Condition(lock)
        self._rested = threading.Condition(lock)
        self._open: dict[str, _Question] = {}
        self._lanes: dict[Names, _Lane] = {}
        self._ready: OrderedDict[Speed, FairQueue[_Lane]] = OrderedDict(
            (speed, FairQueue(threads, functools.partial(self._part_of_threads, speed))) for speed in Speed
        )
        """The lanes with questions that perhaps may be asked; speeds take turns."""
        self._left = [max(1, threads // 2), max(1, threads * 3 // 4), threads]
        """How many threads more questions of each speed, and slower ones, may have."""
        self._held: Counter[Hashable] = Counter()
        """How many threads each file has."""
        self._rested_at_s: dict[Hashable, float] = {}
        """When the last thread of a file that rests will have done so."""
        self._turns: dict[tuple[Speed, Hashable], float] = {}  # when each file had its last one
        self._known = KnownNames()
        self._threads = 0
        self._idle = 0

    async def resolve(
        self, host: str, waits: Waits, timeout_s: float, *, patience_s: float = math.inf, file: str = ""
    ) -> tuple[Endpoint, ...]:
        """Return the endpoints of a host name, in the order in which to try them.

        `file` is that of the site. Until a thread asks for the name, no time of the check passes.

        Raises:
            TimeoutError: no answer within that time of the question.
            OwnError: no thread was free to ask in that time, or as long as the check has patience.
            socket.gaierror: the name has no address.
            UnicodeError: it is not a host name.

        """
        answered = waits.event()
        began_s, began_own_s = monotonic_s(), waits.now_s()
        question = self._ask(file, host, answered)
        try:
            is_answered = await answered.wait(min(timeout_s, patience_s))
            asked_at_s = question.asked_at_s
            unasked_s = max(0.0, min(asked_at_s - began_s, waits.now_s() - began_own_s))
            waits.leave_out(unasked_s)
            if not is_answered and asked_at_s == math.inf:
                raise OwnError(Reason.TIMEOUT, "this process had too many other host names to look up (dns)")
            if not is_answered and not await answered.wait(timeout_s - (waits.now_s() - began_own_s)):
                raise TimeoutError("no answer from the name service in time")
        finally:
            self._leave(question, answered)
        if question.error is not None:
            raise type(question.error)(*question.error.args)  # a new one: an exception belongs to one check
        return question.answer

    def _part_of_threads(self, speed: Speed, file: Hashable) -> float:
        return self._threads_of(speed, file) / self._max_threads

    def _threads_of(self, speed: Speed, file: Hashable) -> float:
        """Return how many threads a file has; while it owes much rest, more than there are."""
        if speed is not Speed.QUICK and self._owed_s(file) > _MOST_OWED_S:
            return math.inf
        return self._held[file]

    def _ask(self, file: str, host: str, answered: Event) -> _Question:
        with self._changed:
            question = self._open.get(host)
            if question is None:
                question = self._open[host] = _Question(host)
            question.waiting.append(answered)
            if question.asked_at_s == math.inf:
                self._wait_in(self._lane(self._known.names_of(file, host)), question)
            return question

    def _wait_in(self, lane: _Lane, question: _Question) -> None:
        if question.host not in lane.waiting:
            lane.waiting[question.host] = question
            question.lanes.append(lane)
            self._line_up(lane)
            self._call_a_thread()

    def _line_up(self, lane: _Lane) -> None:
        """Have a lane wait for a turn of its file, which comes before the next one if its last turn is longer ago."""
        lanes, file = self._ready[lane.speed], lane.names.file
        is_new = file not in lanes.waiting
        lanes.put(file, lane)
        if is_new and self._last_turn_s(lane.speed, file) < self._last_turn_s(lane.speed, lanes.next_owner()):
            lanes.bring_forward(file)

    def _last_turn_s(self, speed: Speed, file: Hashable) -> float:
        return self._turns.get((speed, file), -math.inf)

    def _lane(self, names: Names) -> _Lane:
        lane = self._lanes.get(names)
        if lane is None:
            lane = self._lanes[names] = _Lane(names, self._known.speed_of(names))
        return lane

    def _leave(self, question: _Question, answered: Event) -> None:
        """Take back a question that nobody waits for any more, unless a thread already works on it."""
        with self._changed:
            question.waiting.remove(answered)
            if not question.waiting and question.asked_at_s == math.inf:
                self._wait_no_more(question)
                del self._open[question.host]

    def _wait_no_more(self, question: _Question) -> None:
        for lane in question.lanes:
            del lane.waiting[question.host]
            if not lane.waiting:
                self._ready[lane.speed].drop(lane.names.file, lane)
                self._forget_if_empty(lane)

    def _forget_if_empty(self, lane: _Lane) -> None:
        if not lane.waiting and not lane.running:
            del self._lanes[lane.names]

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
            self._finish(question, self._answer(question))

    def _answer(self, question: _Question) -> int:
        """Look a name up, and return how many addresses it has; of each family one more is kept than are tried."""
        try:
            found = self._lookup(question.host)
        except Exception as exc:  # noqa: BLE001 - raised again in the checks that asked
            question.error = exc
            return 0
        question.answer = tuple(few(dict.fromkeys(found), MOST_OF_A_FAMILY + 1))
        return len(found)

    def _next_question(self) -> _Question | None:
        """Take a question whose domain and file have a free place; None, and the thread is gone, after a while without.

        Of several that came at once, each called the same idle thread, so that who has taken one calls for the next.
        """
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
            if any(lanes.waiting for lanes in self._ready.values()):
                self._call_a_thread()
            return question

    def _take(self) -> _Question | None:
        """Take a question whose domain and file have a free place; of a file, the domains take turns.

        Of those that have none each is looked at once, until one of its own names is answered: the owners choose how
        many there are, and how many names wait. Files that have no place hold threads, so that they are few; where the
        next one has none, no other has one, for it has the fewest.
        """
        for speed, lanes in self._ready.items():
            left = min(self._left[speed:])
            full_files = 0
            while left and full_files < len(lanes.waiting):
                file, lane = lanes.take()
                if self._threads_of(speed, file) + 1 >= _OF_A_FILE * left:
                    lanes.put_back(file, lane)
                    full_files += 1
                elif not self._is_full(lane):
                    self._ready.move_to_end(speed)
                    return self._begun(lane)
        return None

    def _begun(self, lane: _Lane) -> _Question:
        question = next(iter(lane.waiting.values()))
        question.asked_at_s, question.speed = monotonic_s(), lane.speed
        lane.running.add(question)
        self._wait_no_more(question)
        question.lanes = [lane]
        self._hold(question, 1)
        turn = lane.speed, lane.names.file
        keep_last(turn, question.asked_at_s, self._turns, _MOST_TURNS)
        if lane.waiting:
            self._line_up(lane)
        return question

    def _hold(self, question: _Question, threads: int) -> None:
        for speed in range(question.speed, len(self._left)):
            self._left[speed] -= threads
        file = question.lanes[0].names.file
        self._held[file] += threads
        if not self._held[file]:
            del self._held[file]
            self._rested_at_s.pop(file, None)

    def _is_full(self, lane: _Lane) -> bool:
        slow_s = monotonic_s() - _SLOW_S
        is_slow = any(one.asked_at_s < slow_s for one in lane.running)
        return len(lane.running) >= (_MOST_SLOW if is_slow or self._known.is_dear(lane.names) else self._max_per_domain)

    def _finish(self, question: _Question, addresses: int) -> None:
        with self._changed:
            del self._open[question.host]
            for answered in question.waiting:
                answered.set()
            (lane,) = question.lanes
            too_many = addresses - 2 * MOST_OF_A_FAMILY
            if too_many > 0:
                self._known.note_dear(lane.names.file, question.host)
                self._rest(lane.names.file, too_many * _REST_S)
            lane.running.discard(question)
            self._hold(question, -1)
            is_slow = too_many > 0 or monotonic_s() - question.asked_at_s >= _SLOW_S
            self._known.note(question.host, lane.names, is_slow=is_slow, is_found=question.error is None)
            speed = self._known.speed_of(lane.names)
            if speed is not lane.speed:
                self._ready[lane.speed].drop(lane.names.file, lane)
                lane.speed = speed
            if lane.waiting:
                self._line_up(lane)
            self._forget_if_empty(lane)

    def _rest(self, file: str, span_s: float) -> None:
        """Let go of the lock for so long, after those of this file that rest already."""
        owed_s = max(0.0, self._owed_s(file)) + span_s
        self._rested_at_s[file] = monotonic_s() + owed_s
        self._rested.wait(owed_s)

    def _owed_s(self, file: Hashable) -> float:
        return self._rested_at_s.get(file, 0.0) - monotonic_s()
