"""Asking for a check where nobody answers. With workers: tests/acceptance/test_check_from_the_page.py."""

import pytest

from sitemon.celery_settings import celery_settings
from sitemon.config.servers import RedisServer
from sitemon.model.errors import UnreachableError
from sitemon.worker.asking import CheckNow


def asker(url: str) -> CheckNow:
    return CheckNow(celery_settings(RedisServer(url=url), "default", {}), timeout_s=0.5)


def test_without_a_worker_it_ends_and_says_so(redis_url: str) -> None:
    with pytest.raises(UnreachableError, match="no worker of region eu has answered within"):
        asker(redis_url).check("shop", "eu")


def test_without_redis_it_ends_and_says_no_secret() -> None:
    with pytest.raises(UnreachableError, match="Redis does not answer") as caught:
        asker("redis://:hunter2@127.0.0.1:1/0").check("shop", "default")
    assert "hunter2" not in str(caught.value)
