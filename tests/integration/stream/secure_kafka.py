"""Apache Kafka with TLS, client certificates, SASL and access rights, beside its open listener."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sitemon import clock
from sitemon.config.servers import KafkaServer
from sitemon.local.certificates import Authority
from sitemon.local.kafka import Kafka
from sitemon.local.ports import free_port

RIGHT: Final = "right"
PRINCIPALS: Final = ("beat", "worker", "recorder", "alerter", "provision")
"""Users of the listeners with SASL, with no rights but those that a test gives them."""
PROTOCOLS: Final = ("SSL", "SASL_PLAINTEXT", "SASL_SSL")
_PROPERTIES: Final = """
listeners={listeners},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={listeners}
controller.quorum.voters=1@127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location={keys}
ssl.truststore.type=PEM
ssl.truststore.location={authority}
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:admin;User:CN=localhost
"""
_LOGIN: Final = (
    "listener.name.{name}.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required"
    " {users};\n"
    "listener.name.{name}.scram-sha-256.sasl.jaas.config="
    "org.apache.kafka.common.security.scram.ScramLoginModule required;\n"
)


class SecureKafka(Kafka):
    """A broker with a listener for each protocol. Users are `admin` and `guest`, who may do nothing."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder.mkdir(parents=True)
        now = clock.utc_now()
        authority = Authority(self.folder, now)
        self.authority = authority.file
        self.keys = authority.issue("server", expires_at=now + timedelta(days=9))
        self.client_keys = authority.issue("client", expires_at=now + timedelta(days=9))
        (self.folder / "other").mkdir()
        other = Authority(self.folder / "other", now)
        self.other_authority = other.file
        self.other_client_keys = other.issue("client", expires_at=now + timedelta(days=9))
        self.ports = {protocol: free_port() for protocol in PROTOCOLS}

    def configuration(self) -> str:
        self.ports["PLAINTEXT"] = self.port
        listeners = ",".join(f"{protocol}://127.0.0.1:{port}" for protocol, port in self.ports.items())
        more = _PROPERTIES.format(listeners=listeners, controller=free_port(), keys=self.keys, authority=self.authority)
        users = " ".join(f'user_{user}="{RIGHT}"' for user in ("admin", "guest", *PRINCIPALS))
        logins = "".join(_LOGIN.format(name=name, users=users) for name in ("sasl_plaintext", "sasl_ssl"))
        return super().configuration() + more + logins

    def _format(self) -> Sequence[str | Path]:
        return [*super()._format(), "--add-scram", "SCRAM-SHA-256=[name=admin,password=right]"]

    def server(self, protocol: str, port_of: str | None = None, **client: Any) -> KafkaServer:
        """Describe the listener of a protocol, or that of another one, to a client that speaks the first."""
        address = f"127.0.0.1:{self.ports[port_of or protocol]}"
        return KafkaServer(client={"bootstrap_servers": address, "security_protocol": protocol, **client})

    @property
    def tls(self) -> dict[str, str]:
        """What a client of the SSL listener needs."""
        keys = str(self.client_keys)
        return {"ssl_cafile": str(self.authority), "ssl_certfile": keys, "ssl_keyfile": keys}


def login(password: str = RIGHT, *, user: str = "admin", mechanism: str = "PLAIN") -> dict[str, str]:
    """Return what a client of a SASL listener needs."""
    return {"sasl_mechanism": mechanism, "sasl_plain_username": user, "sasl_plain_password": password}
