"""The resolver: bounded, shared, with a deadline."""

import math
import socket
import threading
from collections.abc import Callable, Iterator, Mapping

import pytest

from sitemon.checks.errors import OwnError
from sitemon.checks.net import resolver as module
from sitemon.checks.net.known_names import Speed
from sitemon.checks.net.resolver import Endpoint, Resolver, literal
from sitemon.checks.waiting import IN_THREAD, Event, run_here
from sitemon.clock import monotonic_s

HOME = (Endpoint(socket.AF_INET, ("127.0.0.1", 0)),)


class NameServer:
    """Answers only names in ``living.test`` until it is released, and there none that begin with ``hanging``."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.released = threading.Event()

    def __call__(self, host: str) -> tuple[Endpoint, ...]:
        self.asked.append(host)
        if host.startswith("hanging") or not host.endswith("living.test"):
            self.released.wait()
        if host.startswith("no-such."):
            raise socket.gaierror(socket.EAI_NONAME, "no such host")
        return HOME


def resolve(resolver: Resolver, host: str, timeout_s: float, file: str = "") -> tuple[Endpoint, ...]:
    """Resolve in this thread."""
    return run_here(resolver.resolve(host, IN_THREAD, timeout_s, file=file))


class _Impatient:
    """`Waits` of one who gives up as soon as something is so, for which this process may be slow."""

    lag_s = 0.0

    def __init__(self, is_so: Callable[[], bool]) -> None:
        self._is_so = is_so

    def now_s(self) -> float:
        return monotonic_s()

    async def ready(self, wanted: Mapping[int, int], at_most_s: float) -> int | None:
        raise AssertionError(f"a name is waited for by events, not by {wanted} for {at_most_s} s")

    def event(self) -> Event:
        return _ImpatientEvent(self._is_so)

    def leave_out(self, span_s: float) -> None:
        """It keeps no time."""

    fall_behind = leave_out

    def end_by(self, error: Exception) -> None:
        raise AssertionError("nothing is broken off here") from error


class _ImpatientEvent:
    def __init__(self, is_so: Callable[[], bool]) -> None:
        self._is_so = is_so
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    async def wait(self, at_most_s: float) -> bool:
        while not self._is_so():
            self._event.wait(0.001)
        return self._event.wait(min(at_most_s, 0.001))


def leave_hanging(resolver: Resolver, name_server: NameServer, host: str) -> None:
    """Wait for a name without answer until a thread asks for it, and no longer."""
    with pytest.raises(TimeoutError):
        run_here(resolver.resolve(host, _Impatient(lambda: host in name_server.asked), 1))


def let_hang(resolver: Resolver, name_server: NameServer, file: str, count: int) -> None:
    """Ask for many names of a file, each of a domain of its own, until threads are at so many."""
    for number in range(100):
        resolver._ask(file, f"{file}.dead{number}.test", IN_THREAD.event())
    while len(name_server.asked) < count:
        threading.Event().wait(0.001)


def wait_in_vain(resolver: Resolver, host: str, file: str = "") -> None:
    """Wait a moment for a name for which no thread asks, because those that it may have are taken."""
    with pytest.raises(OwnError):
        resolve(resolver, host, 0.01, file)


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.released.set()


def speed_of(resolver: Resolver, host: str) -> Speed:
    return resolver._known.speed_of(resolver._known.names_of("", host))


def test_a_name_is_resolved(name_server: NameServer) -> None:
    assert resolve(Resolver(lookup=name_server), "www.living.test", 5) == HOME


def test_a_name_without_address_is_told_to_each_who_asked(name_server: NameServer) -> None:
    resolver = Resolver(lookup=name_server)
    for _ in range(2):
        with pytest.raises(socket.gaierror) as raised:
            resolve(resolver, "no-such.living.test", 5)
        assert raised.value.errno == socket.EAI_NONAME


def test_nobody_waits_longer_than_he_may(name_server: NameServer) -> None:
    leave_hanging(Resolver(lookup=name_server), name_server, "www.dead.test")


def test_those_who_ask_for_a_name_meanwhile_share_one_lookup(name_server: NameServer) -> None:
    resolver = Resolver(lookup=name_server)
    leave_hanging(resolver, name_server, "www.dead.test")
    for _ in range(4):
        with pytest.raises(TimeoutError):
            resolve(resolver, "www.dead.test", 0.01)
    assert name_server.asked == ["www.dead.test"]


def test_a_lookup_is_not_remembered(name_server: NameServer) -> None:
    resolver = Resolver(lookup=name_server)
    for _ in range(2):
        resolve(resolver, "www.living.test", 5)
    assert name_server.asked == ["www.living.test"] * 2


def test_one_domain_takes_only_its_share_of_the_threads(name_server: NameServer) -> None:
    resolver = Resolver(threads=8, per_domain=2, lookup=name_server)
    for number in range(2):
        leave_hanging(resolver, name_server, f"host{number}.dead.test")
    for number in range(2, 10):
        wait_in_vain(resolver, f"host{number}.dead.test")
    assert resolve(resolver, "www.living.test", 5) == HOME
    assert name_server.asked == ["host0.dead.test", "host1.dead.test", "www.living.test"]


def test_many_dead_domains_leave_threads_for_the_others(
    name_server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A domain that is known to be slow gets two threads, so that sixteen of one hang once."""
    monkeypatch.setattr(module, "_SLOW_S", 0.0)
    resolver = Resolver(threads=8, per_domain=4, lookup=name_server)
    for domain in ("dead.test", "gone.test"):
        leave_hanging(resolver, name_server, f"a.{domain}")
        leave_hanging(resolver, name_server, f"b.{domain}")
        wait_in_vain(resolver, f"c.{domain}")
    assert resolve(resolver, "www.living.test", 5) == HOME
    assert name_server.asked == ["a.dead.test", "b.dead.test", "a.gone.test", "b.gone.test", "www.living.test"]


def test_however_many_domains_are_dead_half_of_the_threads_are_for_the_others(
    name_server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them hang once: from then on it is known of them."""
    monkeypatch.setattr(module, "_SLOW_S", 0.0)
    resolver = Resolver(threads=8, per_domain=1, lookup=name_server)
    names = [f"www.dead{number}.test" for number in range(5)]
    for name in names:
        leave_hanging(resolver, name_server, name)
    wait_in_vain(resolver, "www.living.test")
    name_server.released.set()
    while {speed_of(resolver, name) for name in names} != {Speed.SLOW}:
        threading.Event().wait(0.001)
    name_server.released.clear()
    name_server.asked.clear()
    for name in names[:3]:
        leave_hanging(resolver, name_server, name)
    for name in names[3:]:
        wait_in_vain(resolver, name)
    assert resolve(resolver, "www.living.test", 5) == HOME


def test_names_of_very_many_addresses_are_looked_up_one_after_the_other() -> None:
    """At first by all threads of their file, which then rest in turn."""
    begun_at_s: list[float] = []

    def look_up(host: str) -> tuple[Endpoint, ...]:
        if host == "www.living.test":
            return HOME
        begun_at_s.append(monotonic_s())
        return HOME * 2_000

    resolver = Resolver(threads=8, lookup=look_up)
    for number in range(10):
        resolver._ask("many.yaml", f"www.many{number}.test", IN_THREAD.event())
    while len(begun_at_s) < 8:
        assert resolve(resolver, "www.living.test", 5, "few.yaml") == HOME
    assert [later_s - begun_at_s[0] > 0.29 * turn for turn, later_s in enumerate(begun_at_s[5:8], 1)] == [True] * 3


def test_domains_that_had_a_name_of_very_many_addresses_share_two_threads_of_their_file(
    name_server: NameServer,
) -> None:
    resolver = Resolver(lookup=lambda host: name_server(host) * (50 if host.startswith("many.") else 1))
    for domain in ("living.test", "other-living.test"):
        resolve(resolver, f"many.{domain}", 5)
        leave_hanging(resolver, name_server, f"hanging.{domain}")
    wait_in_vain(resolver, "hanging2.living.test")
    for host, file in (("www.third-living.test", ""), ("www.living.test", "few.yaml"), ("www.living.test", "")):
        assert resolve(resolver, host, 5, file) == HOME


def test_while_a_file_owes_rest_its_names_that_were_answered_quickly_are_looked_up(
    name_server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = Resolver(lookup=lambda host: name_server(host) * (16_000 if host.startswith("many.") else 1))
    resolve(resolver, "www.living.test", 5)
    monkeypatch.setattr(module, "_MOST_OWED_S", 0.0)
    resolve(resolver, "many.living.test", 5)
    for host in ("many.living.test", "new.living.test", "new.other-living.test"):
        wait_in_vain(resolver, host)
    assert resolve(resolver, "www.living.test", 5) == HOME
    assert resolver._owed_s("") > 0
    assert resolve(resolver, "new.living.test", 5) == HOME


def test_while_a_file_owes_rest_those_of_a_file_that_has_more_threads_are_looked_up(
    name_server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own that wait are not looked at again and again instead."""
    resolver = Resolver(lookup=lambda host: name_server(host) * (16_000 if host.startswith("many.") else 1))
    for number in range(3):
        resolver._ask("dead.yaml", f"www.dead{number}.test", IN_THREAD.event())
    monkeypatch.setattr(module, "_MOST_OWED_S", 0.0)
    resolve(resolver, "many.living.test", 5, "many.yaml")
    resolver._ask("many.yaml", "waiting.living.test", IN_THREAD.event())
    assert resolve(resolver, "new.living.test", 5, "dead.yaml") == HOME
    assert resolver._owed_s("many.yaml") > 0
    assert "waiting.living.test" not in name_server.asked


def test_names_that_are_not_known_leave_threads_for_those_that_were_answered(name_server: NameServer) -> None:
    resolver = Resolver(threads=8, lookup=name_server)
    resolve(resolver, "www.living.test", 5)
    let_hang(resolver, name_server, "", 1 + 5)
    wait_in_vain(resolver, "new.living.test")
    assert resolve(resolver, "www.living.test", 5) == HOME


def test_names_of_one_file_leave_threads_for_those_of_another(name_server: NameServer) -> None:
    resolver = Resolver(threads=8, lookup=name_server)
    let_hang(resolver, name_server, "many.yaml", 5)
    wait_in_vain(resolver, "www.living.test", "many.yaml")
    assert resolve(resolver, "www.living.test", 5, "few.yaml") == HOME


def test_a_name_that_two_files_ask_for_has_the_turn_of_either(name_server: NameServer) -> None:
    resolver = Resolver(threads=8, lookup=name_server)
    let_hang(resolver, name_server, "many.yaml", 5)
    answered = IN_THREAD.event()
    resolver._ask("many.yaml", "www.living.test", answered)
    assert resolve(resolver, "www.living.test", 5, "few.yaml") == HOME
    assert run_here(answered.wait(5))
    assert name_server.asked.count("www.living.test") == 1


def test_of_names_that_were_answered_or_given_up_nothing_is_left(name_server: NameServer) -> None:
    resolver = Resolver(threads=8, lookup=name_server)
    unused = resolver._left.copy()
    let_hang(resolver, name_server, "many.yaml", 5)
    let_hang(resolver, name_server, "few.yaml", 6)
    for file in ("few.yaml", "many.yaml"):
        wait_in_vain(resolver, "www.living.test", file)
    name_server.released.set()
    while resolver._open:
        threading.Event().wait(0.001)
    with resolver._changed:
        assert (resolver._left, resolver._held, resolver._lanes) == (unused, {}, {})
    assert not any(lanes.waiting for lanes in resolver._ready.values())


def test_no_time_of_a_check_passes_before_its_name_is_asked_for(name_server: NameServer) -> None:
    resolver = Resolver(threads=1, lookup=name_server)
    leave_hanging(resolver, name_server, "www.dead.test")
    began_s, began_own_s = monotonic_s(), IN_THREAD.now_s()
    wait_in_vain(resolver, "www.living.test")
    threading.Timer(0.5, name_server.released.set).start()
    resolve(resolver, "www.living.test", 5)
    assert monotonic_s() - began_s > 0.5
    assert IN_THREAD.now_s() - began_own_s < 0.25


def test_a_name_that_is_asked_for_late_has_all_of_its_time() -> None:
    begun = threading.Event()

    def take_half_a_second(_: str) -> tuple[Endpoint, ...]:
        begun.set()
        threading.Event().wait(0.5)
        return HOME

    resolver = Resolver(threads=1, lookup=take_half_a_second)
    resolver._ask("", "www.first.test", IN_THREAD.event())
    assert begun.wait(5)
    assert resolve(resolver, "www.second.test", 0.8) == HOME


def test_a_check_without_patience_waits_for_no_thread(name_server: NameServer) -> None:
    resolver = Resolver(threads=1, lookup=name_server)
    leave_hanging(resolver, name_server, "www.dead.test")
    with pytest.raises(OwnError):
        run_here(resolver.resolve("www.living.test", IN_THREAD, math.inf, patience_s=0.0))


def test_a_name_that_others_hold_up_says_nothing_of_its_site(name_server: NameServer) -> None:
    resolver = Resolver(threads=1, lookup=name_server)
    leave_hanging(resolver, name_server, "a.dead.test")
    for host in ("c.dead.test", "www.living.test"):
        wait_in_vain(resolver, host)


def test_a_name_that_others_of_its_domain_hold_up_says_nothing_of_its_site(name_server: NameServer) -> None:
    resolver = Resolver(per_domain=1, lookup=name_server)
    leave_hanging(resolver, name_server, "hanging.living.test")
    with pytest.raises(OwnError):
        resolve(resolver, "www.living.test", 0.01)
    assert name_server.asked == ["hanging.living.test"]


def test_names_of_a_domain_that_hang_do_not_hold_up_one_that_was_answered(name_server: NameServer) -> None:
    resolver = Resolver(per_domain=1, lookup=name_server)
    resolve(resolver, "www.living.test", 5)
    leave_hanging(resolver, name_server, "hanging.living.test")
    wait_in_vain(resolver, "hanging2.living.test")
    assert resolve(resolver, "www.living.test", 5) == HOME


def test_a_name_that_hangs_is_one_of_those_that_were_answered_no_more(
    name_server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = Resolver(lookup=name_server)
    resolve(resolver, "www.living.test", 5)
    assert speed_of(resolver, "www.living.test") is Speed.QUICK
    monkeypatch.setattr(module, "_SLOW_S", 0.0)
    resolve(resolver, "www.living.test", 5)
    assert speed_of(resolver, "www.living.test") is Speed.UNKNOWN


def test_a_name_that_has_no_address_is_none_of_those_that_were_answered(name_server: NameServer) -> None:
    resolver = Resolver(lookup=name_server)
    with pytest.raises(socket.gaierror):
        resolve(resolver, "no-such.living.test", 5)
    assert speed_of(resolver, "no-such.living.test") is Speed.UNKNOWN


def test_a_name_that_nobody_waits_for_any_more_is_not_looked_up(name_server: NameServer) -> None:
    resolver = Resolver(threads=1, per_domain=1, lookup=name_server)
    leave_hanging(resolver, name_server, "first.dead.test")
    wait_in_vain(resolver, "second.dead.test")
    name_server.released.set()
    assert resolve(resolver, "www.living.test", 5) == HOME
    assert "second.dead.test" not in name_server.asked


@pytest.mark.parametrize(
    ("host", "endpoint"),
    [
        ("127.0.0.1", Endpoint(socket.AF_INET, ("127.0.0.1", 0))),
        ("::1", Endpoint(socket.AF_INET6, ("::1", 0, 0, 0))),
        ("shop.test", None),
        ("127.1", None),
        ("fe80::1%25eth0", Endpoint(socket.AF_INET6, ("fe80::1", 0, 0, 0))),
    ],
)
def test_only_an_address_needs_no_lookup(host: str, endpoint: Endpoint | None) -> None:
    assert literal(host) == endpoint


def test_an_endpoint_takes_its_port() -> None:
    assert Endpoint(socket.AF_INET6, ("::1", 0, 1, 2)).at(443) == (socket.AF_INET6, ("::1", 443, 1, 2))


def test_however_many_names_of_a_domain_wait_each_is_not_looked_at_for_every_other(
    name_server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    is_full = Resolver._is_full

    def looked_at(self: Resolver, lane: module._Lane) -> bool:
        looks.append(lane.names.domain)
        return is_full(self, lane)

    monkeypatch.setattr(Resolver, "_is_full", looked_at)
    resolver = Resolver(threads=8, per_domain=2, lookup=name_server)
    for number in range(1_000):
        resolver._ask("", f"host{number}.dead.test", IN_THREAD.event())
    looks.clear()
    for number in range(10):
        assert resolve(resolver, f"{number}.living.test", 5) == HOME
    assert len(looks) < 100


def test_names_of_a_domain_that_was_full_are_looked_up_when_one_of_it_is_answered(name_server: NameServer) -> None:
    resolver = Resolver(threads=3, per_domain=1, lookup=name_server)
    answered = [IN_THREAD.event() for _ in range(5)]
    for number, event in enumerate(answered):
        resolver._ask("", f"host{number}.dead.test", event)
    name_server.released.set()
    for event in answered:
        assert run_here(event.wait(5))


def test_who_was_answered_and_leaves_later_takes_back_no_newer_question(name_server: NameServer) -> None:
    resolver = Resolver(threads=1, lookup=name_server)
    first, second = IN_THREAD.event(), IN_THREAD.event()
    question = resolver._ask("", "www.living.test", first)
    assert run_here(first.wait(5))
    resolver._ask("", "www.dead.test", IN_THREAD.event())
    resolver._ask("", "www.living.test", second)
    resolver._leave(question, first)
    name_server.released.set()
    assert run_here(second.wait(5))


def test_of_names_that_come_at_once_none_waits_for_the_first_while_threads_are_free(name_server: NameServer) -> None:
    resolver = Resolver(lookup=name_server)
    resolve(resolver, "www.living.test", 5)
    while not resolver._idle:
        pass
    answered = IN_THREAD.event()
    with resolver._changed:  # its idle thread comes to them when all are there
        resolver._ask("", "www.dead.test", IN_THREAD.event())
        resolver._ask("", "www.living.test", answered)
    assert run_here(answered.wait(5))


@pytest.mark.parametrize("held", [0, 10])
def test_a_file_whose_name_was_given_up_is_next_when_all_others_had_their_turn(
    held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the turn of a file that waits before all others since it holds the most threads."""
    monkeypatch.setattr(Resolver, "_call_a_thread", lambda _: None)
    resolver, asked = Resolver(), list[str]()
    for number in range(held):
        resolver._ask("many.yaml", f"www.held{number}.test", IN_THREAD.event())
        assert resolver._take() is not None
        resolver._ask("many.yaml", f"www.waits{number}.test", IN_THREAD.event())
    resolver._ask("few.yaml", "first.living.test", IN_THREAD.event())
    first = resolver._take()
    assert first is not None
    resolver._finish(first, 1)
    for number in range(100):
        for name in range(10):
            resolver._ask(f"{number}.yaml", f"www.dead{name}-{number}.test", IN_THREAD.event())
    for _ in range(3):
        given_up = IN_THREAD.event()
        question = resolver._ask("few.yaml", "www.living.test", given_up)
        for _ in range(50):
            taken = resolver._take()
            assert taken is not None
            asked.append(taken.host)
            resolver._finish(taken, 1)
        if question.asked_at_s == math.inf:
            resolver._leave(question, given_up)
    assert asked.count("www.living.test") == 1
    assert len({*asked[:101]}) == 101
