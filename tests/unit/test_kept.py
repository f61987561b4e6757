"""What functions returned is kept, but no more of it than was said, whoever chooses the arguments."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Thread

import pytest

from sitemon.checks.judge.masked import masked_url
from sitemon.checks.net.tls import expiry_of
from sitemon.checks.probes.dns import normal
from sitemon.config import locate, site_expect, site_values
from sitemon.kept import kept
from sitemon.model.maintenance import Recurring
from sitemon.model.site import Site
from sitemon.model.target import target_of
from sitemon.patterns.recurrence import problem_of
from tests.children import holds_in_a_child

_ASTRAL = "\U0001f600"
_SHOP = "http://shop.test/"


def _held_after(ask: Callable[[int], object], times: int) -> int:
    tracemalloc.start()
    try:
        for number in range(times):
            ask(number)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("ask", "times", "most_mib"),
    [
        (lambda n: target_of(f"http://shop.test/{n}/{_ASTRAL}".ljust(7_900, "x")), 1_000, 24),
        (lambda n: site_expect._path_problem(f"$['{n}{_ASTRAL}{'x' * 900}']"), 2_000, 6),
        (lambda n: site_values._regex_problem(f"{_ASTRAL}{n}".ljust(4_000, "x")), 500, 6),
        (lambda n: normal(f"{n}.shop.test {_ASTRAL}".ljust(4_000, "x"), "CNAME"), 300, 4),
        (lambda n: expiry_of(b"%d" % n * 20_000), 300, 10),
        (lambda n: masked_url(Site(name="shop", url=f"http://shop.test/?{n}".ljust(1_500, "=")), _SHOP), 1_200, 7),
        (lambda n: problem_of(Recurring(start=f"{_ASTRAL}{n}" * 2_000, duration_s=3600.0)), 400, 6),
    ],
    ids=["URLs", "JSON paths", "regexes", "records", "certificates", "secrets", "rules"],
)
def test_what_was_asked_by_edits_or_servers_that_come_again_and_again_takes_bounded_memory(
    ask: Callable[[int], object], times: int, most_mib: int
) -> None:
    assert _held_after(ask, times) < most_mib << 20


def test_what_fits_is_asked_for_once_and_long_texts_make_room_for_each_other() -> None:
    asked: list[int] = []

    @kept(1 << 20)
    def length_of(text: str) -> int:
        asked.append(len(text))
        return len(text)

    for _ in range(3):
        assert [length_of(f"http://shop.test/{place}") for place in range(1_000)]
    assert len(asked) == 1_000
    assert _held_after(lambda number: length_of(f"{_ASTRAL}{number}" * 1_000), 200) < 1.2 * (1 << 20)


def test_threads_that_ask_together_keep_no_more() -> None:
    together = Barrier(4)

    @kept(4_000)
    def written(number: int) -> str:
        return str(number) * 100

    def ask() -> None:
        together.wait()
        assert all(written(number % 50) == str(number % 50) * 100 for number in range(5_000))

    threads = [Thread(target=ask) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert 0 < written.held_bytes <= 4_000


def test_a_child_asks_though_another_thread_was_keeping_something_at_the_fork() -> None:
    @kept(4_000)
    def same(number: int) -> int:
        return number

    with same._lock:
        assert holds_in_a_child(lambda: same(1) == 1)


def test_of_files_that_were_warned_about_a_number_is_remembered(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for number in range(locate._MOST_WARNED + 5):
        file = tmp_path / str(number)
        file.touch(mode=0o644)
        file.chmod(0o644)
        locate.warn_if_exposed(file)
    assert len(locate._warned) <= locate._MOST_WARNED
