"""Whatever is in a name, it does nothing to a terminal, and makes no line of its own in a table."""

import ast
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Final

import pytest
from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

import sitemon
from sitemon.cli import sites
from sitemon.cli.terminal import Terminal, say, say_columns, say_json
from sitemon.report.ledger import uneven_hours
from sitemon.report.status import status_table
from sitemon.store.read import LedgerHour, SiteStatus

NOW: Final = datetime(2026, 11, 24, 7, tzinfo=UTC)
HOSTILE: Final = ["\x1b[2J\x1b]0;mine\x07", "a\nshop   ● up", "a\r\x85\u2028b", "\u202epohs", "[/]", "[red]a", ":bomb:"]
DOOR: Final = {"terminal.py": {"echo"}, "plain.py": {"Console"}}
"""The second writes into a text, for a page."""


def status_of(site: str) -> RenderableType:
    status = SiteStatus(site, site, "", "up", NOW, NOW, NOW, site, 200, 0.1, "down", NOW, NOW, (0.1,), 1.0, 1.0, 1.0)
    return status_table([status], NOW, NOW, 120)


def hour_of(site: str) -> RenderableType:
    return uneven_hours([LedgerHour(site, site, NOW, 1, 0, 0, 0, 0, 1, 0)])


def row_of(site: str) -> RenderableType:
    return sites._table([(site, site, "60s", site, "07:00:00.000")])


def cell_of(site: str) -> RenderableType:
    return site


def shown(renderable: RenderableType) -> str:
    page = StringIO()
    Terminal(file=page, width=200).print(renderable)
    return page.getvalue()


@pytest.mark.parametrize("make", [status_of, hour_of, row_of, cell_of])
@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_name_is_shown_as_it_is_and_does_nothing(make: Callable[[str], RenderableType], name: str) -> None:
    page = shown(make(name))
    assert page.replace("\n", "").isprintable()
    assert page.count("\n") == shown(make("shop")).count("\n")
    assert (name if name.isprintable() else "\\") in page


def test_text_that_nobody_made_plain_does_nothing_either() -> None:
    assert shown(Text("a\x1b[2J\u202eb")) == "a\ufffd[2J\ufffdb\n"


def test_the_terminals_own_codes_are_left() -> None:
    page = StringIO()
    terminal = Terminal(file=page, width=80, force_terminal=True)
    with Live("waiting for [/]", console=terminal, screen=True, auto_refresh=False):
        pass
    terminal.print(Text("down", "bold red"))
    assert "\x1b[?1049h" in page.getvalue()
    assert "waiting for [/]" in page.getvalue()
    assert "\x1b[1;31mdown" in page.getvalue()


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_lines_columns_and_json_stay_what_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(name)
    say(name, err=True)
    say_columns([(name, name)])
    say_json(name)
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 3
    assert printed.err.count("\n") == 1
    assert (printed.out + printed.err).replace("\n", "").replace("\t", "").isprintable()


def test_there_is_no_other_door() -> None:
    for file in Path(sitemon.__file__).parent.rglob("*.py"):
        called = {
            getattr(node.func, "attr", getattr(node.func, "id", ""))
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Call)
        }
        assert called & {"echo", "secho", "print_json", "Console"} <= DOOR.get(file.name, set())
