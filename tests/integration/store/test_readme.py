"""The SQL of the README runs."""

import re
from pathlib import Path

import pytest

from sitemon.store.connect import Connection
from tests.databases import rows

README = (Path(__file__).parents[3] / "README.md").read_text()
[EXAMPLES] = re.findall(r"^```sql\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("query", re.findall(r"^SELECT.*?;", EXAMPLES, re.MULTILINE | re.DOTALL))
def test_its_queries_run(conn: Connection, query: str) -> None:
    assert rows(conn, query) == []


def test_its_views_are_those_that_a_reader_may_read(conn: Connection) -> None:
    [told] = re.findall(r"readable by the role `sitemon_reader`: (.*?)\.\n", README, re.DOTALL)
    readable = rows(
        conn,
        "SELECT relname FROM pg_class WHERE relnamespace = 'sitemon'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')"
        " AND has_table_privilege('sitemon_reader', oid, 'SELECT')",
    )
    assert set(re.findall(r"`(\w+)`", told)) == {name for (name,) in readable}
