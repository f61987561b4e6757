"""README.md and docs/sql.md name every view that readers may read, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
GRANTS = (ROOT / "sitemon/store/sql/migrate.sql").read_text()
VIEWS = set(re.findall(r"sitemon\.(\w+)", GRANTS.partition("GRANT SELECT ON")[2].partition("TO sitemon_reader")[0]))


def test_the_readme_names_them() -> None:
    section = (ROOT / "README.md").read_text().partition("### SQL")[2].partition("```")[0]
    assert set(re.findall(r"`(\w+)`", section)) - {"sitemon", "sitemon_reader"} == VIEWS


def test_the_table_of_the_sql_page_has_them() -> None:
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / "docs/sql.md").read_text(), re.MULTILINE)
    assert sorted(name for row in rows for name in re.findall(r"`(\w+)`", row)) == sorted(VIEWS)
