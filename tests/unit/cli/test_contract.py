"""The contract of every command: its exit status, one line on stderr, never a traceback."""

import logging
import os
import shlex
import sys
from typing import NoReturn

import click
import pytest

from sitemon.cli.main import COMMANDS, cli, run
from sitemon.model.errors import (
    ConfigurationError,
    FatalError,
    Mistake,
    RefusedError,
    SitemonError,
    UnreachableError,
)


@pytest.fixture(autouse=True)
def _level_is_put_back(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    # --verbose writes the variable, and what was not there before is only removed again when it was set through here.
    monkeypatch.setenv("SITEMON_LOG_LEVEL", "")
    caplog.set_level(logging.INFO)


def outcome_of(
    command: click.Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[object, str, str]:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/sitemon", *words])
    with pytest.raises(SystemExit) as caught:
        run(command)
    said = capsys.readouterr()
    return caught.value.code, said.out, said.err


def raising(exc: BaseException) -> click.Command:
    def act() -> NoReturn:
        raise exc

    return click.Command("act", callback=act)


def returning(value: object) -> click.Command:
    return click.Command("act", callback=lambda: value)


@pytest.mark.parametrize(("value", "status"), [(None, 0), (0, 0), (1, 1), ("text", 0)])
def test_what_a_command_returns_is_its_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: object, status: int
) -> None:
    assert outcome_of(returning(value), monkeypatch, capsys) == (status, "", "")


@pytest.mark.parametrize(
    ("exc", "status", "said"),
    [
        (FatalError("no\n  way"), 2, "no way\n"),
        (RefusedError("Kafka refuses us"), 2, "Kafka refuses us\n"),
        (
            ConfigurationError([Mistake("f.json", 3, "port", "wrong"), Mistake("f.json", 4, "host", "wrong")]),
            2,
            "f.json:3: port: wrong (1 more: sitemon lint)\n",
        ),
        (UnreachableError("no answer"), 1, "no answer\n"),
        (SitemonError("strange"), 1, "strange\n"),
        (click.ClickException("bad"), 2, "bad\n"),
        (click.exceptions.Exit(1), 1, ""),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(32, "Broken pipe"), 1, ""),
    ],
)
def test_an_error_is_one_line_and_an_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], exc: BaseException, status: int, said: str
) -> None:
    code, out, err = outcome_of(raising(exc), monkeypatch, capsys)
    assert (code, out, err.lstrip("\n")) == (status, "", said)


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["act"])
    with pytest.raises(ZeroDivisionError):
        run(raising(ZeroDivisionError()))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Missing command; see sitemon --help"),
        (("chek",), "no command chek; did you mean check?; see sitemon --help"),
        (("lint", "extra"), "Got unexpected extra argument (extra); see sitemon lint --help"),
        (("sites", "--jsn"), "No such option '--jsn'. Did you mean '--json'?; see sitemon sites --help"),
    ],
)
def test_wrong_use_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert outcome_of(cli, monkeypatch, capsys, *words) == (2, "", f"{said}\n")


def test_verbose_is_an_option_of_every_command_and_can_be_had_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = returning(0)
    for _ in range(2):
        assert outcome_of(command, monkeypatch, capsys, "--verbose") == (0, "", "")
    assert os.environ["SITEMON_LOG_LEVEL"] == "DEBUG"
    assert logging.getLogger().level == logging.DEBUG


def test_a_level_that_is_none_is_a_mistake(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SITEMON_LOG_LEVEL", "loud")
    said = "SITEMON_LOG_LEVEL: expected DEBUG, INFO, WARNING or ERROR\n"
    assert outcome_of(returning(0), monkeypatch, capsys) == (2, "", said)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    context = click.Context(cli, info_name="sitemon")
    command = cli.get_command(context, name)
    assert isinstance(command, click.Command)
    words = command.get_help(click.Context(command, info_name=name, parent=context))
    assert f"Usage: sitemon {name}" in words
    assert f"Example: sitemon {name}" in words


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_is_right_use(name: str) -> None:
    context = click.Context(cli, info_name="sitemon")
    command = cli.get_command(context, name)
    assert isinstance(command, click.Command)
    words = shlex.split(COMMANDS[name].example)[1:]
    assert command.make_context(name, words, parent=context).args == []
