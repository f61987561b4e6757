"""Which servers are reached over a network without having to prove who they are."""

import pytest

from sitemon.config.servers import KafkaServer, PostgresServer, RedisServer
from sitemon.config.verified import warning_of

VERIFIED = [
    PostgresServer(host="pg.example", sslmode="verify-full"),
    *(PostgresServer(host=host, sslmode="disable") for host in ("127.0.0.1", "::1", "localhost", "/run/postgresql")),
    KafkaServer(client={"bootstrap_servers": ["kafka.example:9092"], "security_protocol": "SASL_SSL"}),
    KafkaServer(client={"bootstrap_servers": ["127.0.0.1:9092", "[::1]:9092", "localhost"]}),
    RedisServer(url="rediss://redis.example:6380/0"),
    RedisServer(url="redis://:secret@127.0.0.8/0"),
    None,
]
UNVERIFIED = [
    *(PostgresServer(host="pg.example", sslmode=mode) for mode in ("disable", "prefer", "require", "verify-ca")),
    PostgresServer(host="10.0.0.1"),
    KafkaServer(client={"bootstrap_servers": ["127.0.0.1:9092", "kafka.example:9092"]}),
    KafkaServer(client={"bootstrap_servers": ["k"], "security_protocol": "SASL_PLAINTEXT"}),
    KafkaServer(client={"bootstrap_servers": ["k"], "security_protocol": "SSL", "ssl_check_hostname": False}),
    RedisServer(url="redis://redis.example/0"),
    RedisServer(url="rediss://redis.example/0?ssl_cert_reqs=none"),
]


@pytest.mark.parametrize("server", VERIFIED, ids=repr)
def test_nothing_is_said_of_a_server_that_is_verified_or_here(server: object) -> None:
    assert warning_of(server) is None


@pytest.mark.parametrize("server", UNVERIFIED, ids=repr)
def test_one_over_a_network_that_need_not_prove_who_it_is_is_warned_of(server: object) -> None:
    warning = warning_of(server)
    assert warning is not None
    assert "is not verified" in warning
    assert "secret" not in warning
