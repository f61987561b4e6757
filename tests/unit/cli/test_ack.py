"""Who acknowledges an incident, writes of it, or declares maintenance, is shown to others, in places of every kind."""

import getpass
from typing import NoReturn

import click
import pytest

from sitemon.cli.ack import command as ack
from sitemon.cli.maintenance import start
from sitemon.cli.note import command as note

ACTS = [(ack, ["17"]), (note, ["17", "the disk is full"]), (start, ["shop", "--for", "1h"])]


@pytest.mark.parametrize(("command", "words"), ACTS)
@pytest.mark.parametrize("name", ["", "a\nb", "\x1b[2J", "\udcff", "\u202eanna", "a" * 101])
def test_a_name_that_does_more_than_be_read_is_wrong_use(command: click.Command, words: list[str], name: str) -> None:
    with pytest.raises(click.UsageError, match="--by: expected a name of at most 100 printable characters"):
        command.main([*words, "--by", name], standalone_mode=False)


@pytest.mark.parametrize(("command", "words"), ACTS)
@pytest.mark.parametrize("exc", [KeyError("getpwuid(): uid not found: 4711"), OSError("No username set")])
def test_who_has_no_name_is_asked_for_one(
    command: click.Command, words: list[str], exc: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> NoReturn:
        raise exc

    monkeypatch.setattr(getpass, "getuser", nobody)
    with pytest.raises(click.UsageError, match="your user has no name here: give one by --by"):
        command.main(words, standalone_mode=False)


@pytest.mark.parametrize("text", ["", "a\nb", "\u202e", "x" * 501])
def test_what_is_no_note_is_wrong_use(text: str) -> None:
    with pytest.raises(click.UsageError, match="expected a note of at most 500 printable characters, on one line"):
        note.main(["17", text], standalone_mode=False)
