"""How many checks a process makes at once."""

import resource
from collections.abc import Iterator

import pytest

from sitemon.checks.engine import of_process as engines


@pytest.fixture(autouse=True)
def process() -> Iterator[None]:
    """Leave the process as it was."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_as_many_checks_are_made_at_once_as_there_may_be_open_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (556, hard))
    assert engines._capacity() == (min(engines.MOST_AT_ONCE, (hard - 256) * 7 // 16), min(1_000, (hard - 256) // 8))
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(hard, engines.MOST_AT_ONCE * 2 + 1_000 + 256)


def test_a_few_open_files_mean_a_few_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (556, 556))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    assert engines._capacity() == (131, 37)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 100))
    assert engines._capacity() == (1, 0)
