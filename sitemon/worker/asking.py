"""Asking a worker to check a site now, from a process that is none."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec
import redis
from celery import Celery, states
from celery.backends.redis import RedisBackend
from kombu.exceptions import OperationalError

from sitemon import clock
from sitemon.model.errors import ConfigurationError, PoisonError, UnreachableError
from sitemon.model.one_line import one_line
from sitemon.model.result import as_dict, decode
from sitemon.queues import ASKED_AT, CHECK_SITE, queue_of

ANSWER_TIMEOUT_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.1
_MOST_BYTES: Final = 128 << 10
"""A result takes half of that at most, as on Kafka; a traceback is shorter."""
_MOST_SAID: Final = 500
_RAISED: Final = {error.__name__: error for error in (ConfigurationError, PoisonError, UnreachableError)}


class _Answer(msgspec.Struct):
    """What Celery keeps of a task; `result` as it came."""

    status: str
    result: msgspec.Raw = msgspec.Raw()


class _Failure(msgspec.Struct):
    """What Celery keeps of an exception."""

    exc_type: str
    exc_message: msgspec.Raw = msgspec.Raw()


_answers: Final = msgspec.json.Decoder(_Answer)
_failures: Final = msgspec.json.Decoder(_Failure)
_texts: Final = msgspec.json.Decoder(list[str])


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
            UnreachableError: Redis does not answer, no worker did in time, or what it answered is no result.
            ConfigurationError, PoisonError: what the worker raised.

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
        backend: Any = self._app.backend
        key = backend.get_key_for_task(asked.id)
        until_s = clock.monotonic_s() + self._timeout_s
        while clock.monotonic_s() < until_s:
            kept = backend.client.getrange(key, 0, _MOST_BYTES)
            if kept and (answer := _answer_in(kept)).status in states.READY_STATES:
                backend.forget(asked.id)
                return _found_in(answer)
            clock.sleep(_LOOK_EVERY_S)
        raise UnreachableError(f"no worker of region {region} has answered within {self._timeout_s:g} s")


def _answer_in(kept: bytes) -> _Answer:
    """Read what anybody may have put into Redis: Celery makes of it any exception, and numbers of any size."""
    with _refused():
        return _answers.decode(kept)


def _found_in(answer: _Answer) -> dict[str, Any]:
    with _refused():
        if answer.status == states.SUCCESS:
            return as_dict(decode(bytes(answer.result)))
        failure = _failures.decode(answer.result)
        error = _RAISED.get(failure.exc_type)
        said = ": ".join(_texts.decode(failure.exc_message)) if error else f"the worker failed: {failure.exc_type}"
    raise (error or UnreachableError)(one_line(said[:_MOST_SAID]))


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, PoisonError) as exc:
        raise UnreachableError("what the worker answered is no result") from exc
