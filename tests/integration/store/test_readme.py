"""The SQL of the README runs."""

import re
from pathlib import Path

import pytest

from sitemon.store.connect import Connection
from tests.databases import rows

README = (Path(__file__).parents[3] / "README.md").read_text()
[EXAMPLES] = re.findall(r"^```sql\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("query", [line for line in EXAMPLES.splitlines() if line])
def test_its_queries_run(conn: Connection, query: str) -> None:
    assert rows(conn, query) == []


def test_its_views_are_those_that_a_reader_may_read(conn: Connection) -> None:
    [told] = re.findall(r"readable by the role `sitemon_reader`: (.*?)\.\n", README, re.DOTALL)
    readable = rows(
        conn,
        "SELECT table_name FROM information_schema.role_table_grants"
        " WHERE grantee = 'sitemon_reader' AND table_schema = 'sitemon' AND privilege_type = 'SELECT'",
    )
    assert set(re.findall(r"`(\w+)`", told)) == {name for (name,) in readable}
