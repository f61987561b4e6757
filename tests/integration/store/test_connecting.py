"""What is said of a PostgreSQL that cannot be reached: where it is, and why."""

import pytest

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.local.ports import free_port
from sitemon.model.errors import UnreachableError
from sitemon.store.connect import connect


def test_a_closed_port_is_named_with_its_reason() -> None:
    port = free_port()
    nobody = Credentials(user="me", password="secret", database="db")
    with pytest.raises(UnreachableError) as caught:
        connect(PostgresServer(host="127.0.0.1", port=port), nobody, application_name="test")
    assert str(caught.value) == f"PostgreSQL at 127.0.0.1:{port}: Connection refused"
