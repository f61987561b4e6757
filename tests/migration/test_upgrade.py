"""What processes of this version say to the schema of an earlier one, and what ``sitemon migrate`` makes of it."""

import pytest

from sitemon.store import migrate as module
from sitemon.store.connect import Connection
from sitemon.store.errors import NotProvisionedError
from sitemon.store.migrate import migrate, migrations, require_schema

EARLIER = 12


def test_they_wait_for_what_it_lacks_and_go_on_once_that_has_run(
    bare: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(module, "migrations", lambda: migrations()[:EARLIER])
        before.setitem(module._sql, "grant_to_reader", "SELECT 1")
        migrate(bare)
    lacking = "its schema lacks 0013_offline: run `sitemon provision` or `sitemon migrate`"
    with pytest.raises(NotProvisionedError, match=lacking):
        require_schema(bare)
    assert migrate(bare) == migrations()[EARLIER:]
    require_schema(bare)
