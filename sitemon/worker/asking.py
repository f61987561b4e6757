"""Asking a worker to check a site now, from a process that is none."""

from collections.abc import Mapping
from typing import Any, Final

import redis
from celery import Celery, states
from celery.backends.redis import RedisBackend
from kombu.exceptions import OperationalError

from sitemon import clock
from sitemon.model.errors import SitemonError, UnreachableError
from sitemon.queues import ASKED_AT, CHECK_SITE, queue_of

ANSWER_TIMEOUT_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.1


class PolledBackend(RedisBackend):
    """Celery's results in Redis, without its subscription: that is one for a process, and not for several threads."""

    def on_task_call(self, producer: Any, task_id: str) -> None:
        """Subscribe to nothing."""


class CheckNow:
    """Asks workers. `settings` are those of Celery, with the URL of Redis. Thread-safe."""

    def __init__(self, settings: Mapping[str, Any], timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        backend = f"{__name__}:{PolledBackend.__name__}+{settings['result_backend']}"
        self._app = Celery("sitemon", set_as_current=False)
        self._app.config_from_object({**settings, "result_backend": backend, "include": []})

    def check(self, site: str, region: str) -> dict[str, Any]:
        """Return what a worker of the region found of a configured site, as on Kafka. A worker publishes it too.

        Raises:
            UnreachableError: Redis does not answer, or no worker did in time.
            SitemonError: what the worker raised.

        """
        try:
            return self._check(site, region)
        except (OperationalError, redis.RedisError, OSError) as exc:
            raise UnreachableError(f"Redis does not answer: {exc}") from exc

    def _check(self, site: str, region: str) -> dict[str, Any]:
        asked = self._app.send_task(
            CHECK_SITE,
            (site,),
            queue=queue_of(region),
            headers={ASKED_AT: clock.now_ms()},
            expires=self._timeout_s,
            argsrepr="(hidden)",
            kwargsrepr="(hidden)",
        )
        until_s = clock.monotonic_s() + self._timeout_s
        while clock.monotonic_s() < until_s:
            found = self._app.backend.get_task_meta(asked.id)
            if found["status"] in states.READY_STATES:
                self._app.backend.forget(asked.id)
                return _answer(found["result"])
            clock.sleep(_LOOK_EVERY_S)
        raise UnreachableError(f"no worker of region {region} has answered within {self._timeout_s:g} s")


def _answer(found: Any) -> dict[str, Any]:
    if isinstance(found, SitemonError):
        raise found
    if not isinstance(found, dict):
        raise UnreachableError(f"the worker failed: {type(found).__name__}")
    return found
