"""Asking for a check where no worker answers. With workers: tests/acceptance/test_check_from_the_page.py."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from sitemon import clock
from sitemon.celery_settings import celery_settings
from sitemon.config.servers import RedisServer
from sitemon.model.errors import ConfigurationError, PoisonError, SitemonError, UnreachableError
from sitemon.model.result import as_dict
from sitemon.worker.asking import CheckNow
from tests.results import a_result

FOUND = as_dict(a_result("shop", kind="adhoc"))
NO_RESULT = "what the worker answered is no result"


def asker(url: str, timeout_s: float = 0.5) -> CheckNow:
    return CheckNow(celery_settings(RedisServer(url=url), "default", {}), timeout_s)


def kept(result: object, status: str = "SUCCESS") -> str:
    return json.dumps({"status": status, "result": result, "traceback": None, "children": [], "date_done": None})


def failed(error: str, *said: object, module: str = "sitemon.model.errors") -> str:
    return kept({"exc_type": error, "exc_module": module, "exc_message": said}, "FAILURE")


@contextmanager
def answering(url: str, *answers: str) -> Iterator[redis.Redis]:
    """Leave these answers in Redis for the next that is asked for, one after the other."""
    with redis.Redis.from_url(url) as client:

        def answer() -> None:
            _, message = client.brpop(["checks.default"], timeout=10)
            for one in answers:
                client.set(f"celery-task-meta-{json.loads(message)['headers']['id']}", one)
                clock.sleep(0.3)

        thread = threading.Thread(target=answer)
        thread.start()
        yield client
        thread.join()


def test_without_a_worker_it_ends_and_says_so(redis_url: str) -> None:
    with pytest.raises(UnreachableError, match="no worker of region eu has answered within"):
        asker(redis_url).check("shop", "eu")


def test_without_redis_it_ends_and_says_no_secret() -> None:
    with pytest.raises(UnreachableError, match="Redis does not answer") as caught:
        asker("redis://:hunter2@127.0.0.1:1/0").check("shop", "default")
    assert "hunter2" not in str(caught.value)


def test_it_waits_until_the_worker_is_done_and_leaves_nothing_in_redis(redis_url: str) -> None:
    with answering(redis_url, kept({"pid": 7}, "STARTED"), kept(FOUND)) as client:
        assert asker(redis_url, timeout_s=10).check("shop", "default") == FOUND
        assert client.keys("celery-task-meta-*") == []


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (failed("ConfigurationError", "no site of sites.yaml"), ConfigurationError, "no site of sites.yaml"),
        (failed("PoisonError", "too_large", "it is"), PoisonError, "too_large: it is"),
        (failed("UnreachableError", "Kafka\x1b[2J"), UnreachableError, r"Kafka\\x1b\[2J"),
        (failed("KeyError", 5), UnreachableError, "the worker failed: KeyError"),
        (failed("system", "touch pwned", module="os"), UnreachableError, "the worker failed: system"),
        (failed("SystemExit", 1, module="builtins"), UnreachableError, "the worker failed: SystemExit"),
        (failed("ConfigurationError", 5), UnreachableError, NO_RESULT),
        *((text, UnreachableError, NO_RESULT) for text in ("{{{{", "[]", "{}", "[" * 100_000, "\xff", kept({}))),
        (kept({"__type__": "nope", "__value__": 1}), UnreachableError, NO_RESULT),
        (kept(FOUND | {"error": "x" * 200_000}), UnreachableError, NO_RESULT),
        (kept(FOUND | {"redirects": 10**30}), UnreachableError, NO_RESULT),
    ],
)
def test_what_a_worker_raises_is_raised_and_what_none_answers_is_refused(
    redis_url: str, answer: str, error: type[SitemonError], said: str
) -> None:
    with answering(redis_url, answer), pytest.raises(SitemonError, match=said) as caught:
        asker(redis_url, timeout_s=10).check("shop", "default")
    assert type(caught.value) is error


def test_a_number_of_millions_of_digits_is_no_result(redis_url: str) -> None:
    long = {"__type__": "decimal", "__value__": "1E+5000000"}
    with answering(redis_url, kept(FOUND | {"redirects": long})), pytest.raises(UnreachableError, match=NO_RESULT):
        asker(redis_url, timeout_s=10).check("shop", "default")
