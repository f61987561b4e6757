"""A beat that is told to end while Redis hangs: it does not wait for that as long as in other times."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from celery import Celery

from sitemon import clock
from sitemon.config.sites import SiteSet
from sitemon.local.valkey import Valkey
from sitemon.redis_client import SOCKET_TIMEOUT_S
from sitemon.schedule import beat, celery_effects
from sitemon.schedule.beat import SiteScheduler
from tests.conftest import started

CLOSES_WITHIN_S = 5.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    """A Redis that the test may freeze."""
    server = started(Valkey(tmp_path))
    yield server
    server.kill()


class SlowMessenger:
    """Publishes at once, and notes how long it may take to end."""

    closes_within_s = 0.0

    def publish_events(self, *_: object, **__: object) -> None:
        """Done."""

    publish_marks = publish_events

    def close(self, timeout_s: float) -> None:
        self.closes_within_s = timeout_s


def test_it_resigns_within_its_time_though_redis_hangs(
    server: Valkey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    messenger, nothing = SlowMessenger(), SiteSet(sites=(), by_name=MappingProxyType({}), source="a test")
    monkeypatch.setattr(celery_effects, "messenger_of_this_process", lambda *_, **__: messenger)
    monkeypatch.setattr(celery_effects, "kafka_server", lambda: None)
    monkeypatch.setattr(celery_effects, "sites_watcher", lambda: SimpleNamespace(without_waiting=lambda: nothing))
    scheduler: Any = SiteScheduler(Celery(broker=server.url(0), set_as_current=False))
    scheduler.tick()
    assert "beat.leading" in caplog.text
    os.kill(server.pid, signal.SIGSTOP)
    began_s = clock.monotonic_s()
    scheduler.close()
    took_s = clock.monotonic_s() - began_s
    assert "beat.resign_failed" in caplog.text
    assert took_s < SOCKET_TIMEOUT_S
    longest_s = beat._RELEASE_TIMEOUT_S + celery_effects.KAFKA_ACK_TIMEOUT_S + messenger.closes_within_s
    assert longest_s < CLOSES_WITHIN_S
