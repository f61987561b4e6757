"""Which engine a process has."""

import gc
import resource
from collections.abc import Iterator

import pytest

from sitemon.checks import engines
from sitemon.checks.curl_engine import CurlEngine
from sitemon.checks.engines import engine_for
from sitemon.checks.requests_engine import RequestsEngine
from sitemon.config.settings import Settings
from sitemon.model.errors import ConfigurationError


@pytest.fixture(autouse=True)
def process() -> Iterator[None]:
    """Leave the process as it was."""
    limits, thresholds = resource.getrlimit(resource.RLIMIT_NOFILE), gc.get_threshold()
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    gc.set_threshold(*thresholds)


@pytest.mark.parametrize(
    ("engine", "has_curl", "kind"),
    [
        ("auto", True, CurlEngine),
        ("auto", False, RequestsEngine),
        ("curl", True, CurlEngine),
        ("requests", True, RequestsEngine),
    ],
)
def test_auto_is_libcurl_where_it_is_installed(
    engine: str, has_curl: bool, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "HAS_CURL", has_curl)
    made = engine_for(Settings(engine=engine))
    made.close(0)
    assert type(made) is kind


def test_libcurl_that_is_not_installed_is_a_mistake_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "HAS_CURL", False)
    with pytest.raises(ConfigurationError) as raised:
        engine_for(Settings(engine="curl"))
    assert "SITEMON_ENGINE: pycurl is not installed" in str(raised.value)


def test_as_many_checks_are_made_at_once_as_there_may_be_open_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (556, hard))
    assert engines._room() == min(engines.MOST_AT_ONCE, (hard - 256) // 3)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(hard, engines.MOST_AT_ONCE * 3 + 256)


def test_a_few_open_files_mean_a_few_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (556, 556))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    assert engines._room() == 100
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 100))
    assert engines._room() == 1
