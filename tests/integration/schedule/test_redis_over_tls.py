"""Redis over TLS: a certificate that is wrong refuses us, at once and in words; a server that hangs up is away."""

import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from celery import Celery

from sitemon import clock
from sitemon.celery_settings import celery_settings
from sitemon.config.servers import RedisServer
from sitemon.local.certificates import Authority
from sitemon.local.valkey import Valkey
from sitemon.model.errors import RefusedError, UnreachableError
from sitemon.redis_client import ping_redis, redis_client
from tests.faults.relay import Relay


class Certificates(SimpleNamespace):
    """A server's keys, the authority that it is of, and another one."""

    keys: Path
    authority: Path
    other: Path


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    now = clock.utc_now()
    (tmp_path / "other").mkdir()
    ours, other = Authority(tmp_path, now), Authority(tmp_path / "other", now)
    keys = ours.issue("redis", expires_at=now + timedelta(days=9))
    return Certificates(keys=keys, authority=ours.file, other=other.file)


@pytest.fixture
def relay(valkey: Valkey, certificates: Certificates) -> Iterator[Relay]:
    """Redis behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.keys)
    with Relay(valkey.port, context) as relay:
        yield relay


def ask(valkey: Valkey, port: int, authority: Path) -> None:
    url = valkey.url(0).replace("redis://", "rediss://").replace(f":{valkey.port}/", f":{port}/")
    app = Celery(set_as_current=False)
    app.conf.update(celery_settings(RedisServer(url=url, ssl_cafile=str(authority)), "default", {}))
    with redis_client(app) as client:
        ping_redis(client)


def test_the_right_authority_is_taken(valkey: Valkey, relay: Relay, certificates: Certificates) -> None:
    ask(valkey, relay.port, certificates.authority)


def test_another_authority_is_a_refusal(valkey: Valkey, relay: Relay, certificates: Certificates) -> None:
    with pytest.raises(RefusedError, match="certificate verify failed"):
        ask(valkey, relay.port, certificates.other)


def test_a_file_that_is_not_there_is_a_refusal(valkey: Valkey, relay: Relay, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="No such file"):
        ask(valkey, relay.port, tmp_path / "nowhere.pem")


def test_a_server_that_hangs_up_is_away(valkey: Valkey, relay: Relay, certificates: Certificates) -> None:
    relay.move(1)
    with pytest.raises(UnreachableError):
        ask(valkey, relay.port, certificates.authority)
