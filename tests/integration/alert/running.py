"""An alerter that runs in a thread of a test."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sitemon import clock
from sitemon.alert.alerter import Alerter
from sitemon.alert.maintenance import Planner
from sitemon.alert.rules import Rulebook
from sitemon.config.sites import SiteSet
from sitemon.model.errors import RefusedError
from sitemon.store.connect import Connection
from sitemon.store.postgres_clock import PostgresClock
from tests.integration.alert.scene import Scene
from tests.threads import beside

Connect = Callable[[], Connection]


@contextmanager
def running(scene: Scene, connect: Connect) -> Iterator[None]:
    """An alerter, with the decider and the channels of the scene; what ends it early is raised at the end."""
    stop, ended_by = threading.Event(), list[Exception]()
    nothing = SiteSet(sites=(), by_name={}, source="")
    one = Alerter(
        connect,
        planner=Planner(lambda: nothing, clock.utc_now),
        rulebook=Rulebook({}, clock.utc_now()),
        decider=scene.decider,
        asker=None,
        teller=None,
        alerts=lambda: scene.alerts,
        postgres_clock=PostgresClock(),
        stop=stop,
    )

    def run() -> None:
        try:
            one.run()
        except RefusedError as exc:
            ended_by.append(exc)

    with beside(run, stop):
        yield
    assert ended_by == []
