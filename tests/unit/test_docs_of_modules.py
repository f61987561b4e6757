"""docs/modules.md has what each module is for, by rooms: the first lines of their docstrings.

``python -m tests.unit.test_docs_of_modules`` writes it anew.
"""

import ast
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "sitemon"
PAGE = ROOT / "docs" / "modules.md"
HEAD = """# What each module is for

Room by room, as [architecture.md](architecture.md) names them: the first line of each module's docstring. A number
that nobody sets, such as a bound or a pause, is a constant at the head of the module that decides by it, also where a
statement of PostgreSQL takes it; what a statement does is in the file of the module's name in `sitemon/store/sql/`.
`python -m tests.unit.test_docs_of_modules` writes this page.
"""


def page() -> str:
    """Return the page as the modules have it."""
    modules = sorted(PACKAGE.rglob("*.py"), key=lambda path: (path.parent, path.name != "__init__.py", path.name))
    parts = [HEAD]
    for folder, files in groupby(modules, lambda path: path.parent):
        parts.append(f"\n## {folder.relative_to(ROOT)}/\n\n" + "".join(map(line_of, files)))
    return "".join(parts)


def line_of(file: Path) -> str:
    said = (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0].replace("``", "`")
    return f"{said}\n\n" if file.name == "__init__.py" else f"- `{file.name}`: {said}\n"


def test_each_module_is_there_with_its_first_line() -> None:
    assert PAGE.read_text() == page()


if __name__ == "__main__":
    PAGE.write_text(page())
