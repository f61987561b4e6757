"""What the README says is so: its commands, variables, settings and examples."""

import ast
import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sitemon.cli.main import COMMANDS, cli
from sitemon.config.server_files import KINDS
from sitemon.config.settings import known_variables
from sitemon.config.sites import load_sites

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SCRIPTS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


def rows(header: str) -> Iterator[str]:
    """Return the first cell of each row of the table with this header."""
    _, _, rest = README.partition(f"| {header} |")
    for line in rest.split("\n\n", 1)[0].splitlines()[2:]:
        yield line.split(" | ")[0]


def code_in(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def command_lines() -> list[list[str]]:
    """Return every call of a command of ours, in the table or anywhere else."""
    lines = [*code_in(README), *(line for block in blocks("sh") for line in block.splitlines())]
    calls = [line.strip().removeprefix(".venv/bin/") for line in lines]
    return [shlex.split(call, comments=True) for call in calls if " " in call and call.split()[0] in SCRIPTS]


def test_its_table_of_commands_is_those_that_there_are() -> None:
    told = [code for row in rows("command") for code in code_in(row)]
    subcommands = {line.split()[1] for line in told if line.startswith("sitemon ")}
    assert subcommands == set(COMMANDS)
    assert {line.split()[0] for line in told} == {*SCRIPTS, "celery"}


@pytest.mark.parametrize("line", command_lines(), ids=" ".join)
def test_its_commands_can_be_called_so(line: list[str]) -> None:
    module, _, function = SCRIPTS[line[0]].partition(":")
    assert callable(getattr(importlib.import_module(module), function))
    command: click.Command = cli if line[0] == "sitemon" else importlib.import_module(module).command
    if isinstance(command, click.Group):
        found = command.get_command(click.Context(command, info_name=line[0]), line[1])
        assert found is not None
        command, line = found, line[1:]
    command.make_context(line[0], line[1:])


def test_its_table_of_variables_is_those_that_we_read() -> None:
    of_servers = {kind.variable(field) for kind in KINDS for field in kind.parsers}
    told = {code for row in rows("variable") for code in code_in(row)}
    assert told == set(known_variables()) - of_servers


def test_every_variable_that_it_names_is_one() -> None:
    assert set(re.findall(r"SITEMON_\w+", README)) <= set(known_variables())


def test_its_table_of_files_is_those_that_we_read() -> None:
    told = {code for row in rows("file") for code in code_in(row)}
    assert told == {kind.file_name for kind in KINDS} | {"sites.yaml", "sites.json", "sites.d/", "alerts.yaml"}


def test_its_sites_are_configured_well(tmp_path: Path) -> None:
    [example] = blocks("yaml")
    file = tmp_path / "sites.yaml"
    file.write_text(example)
    assert len(load_sites({"SHOP_KEY": "secret"}, file).sites) == 2


@pytest.mark.parametrize("example", blocks("python"))
def test_its_python_imports_what_there_is(example: str) -> None:
    for node in ast.walk(ast.parse(example)):
        if isinstance(node, ast.ImportFrom) and node.module == "sitemon":
            assert all(hasattr(importlib.import_module("sitemon"), alias.name) for alias in node.names)


def test_its_targets_of_make_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)\s+#", README)) <= targets
