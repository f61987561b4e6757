"""A note does nothing but be read, wherever it is shown."""

import pytest

from sitemon.model.note import LONGEST_CHARS, note_of


@pytest.mark.parametrize("text", ["the disk is full", "<b>&\"'", "=1+1", "näher: 90 %", "x" * LONGEST_CHARS])
def test_any_words_on_one_line_are_a_note(text: str) -> None:
    assert note_of(f" {text} ") == text


@pytest.mark.parametrize("text", ["", "  ", "a\nb", "\x1b[2J", "\u202etxet", "\udcff", "\0", "x" * (LONGEST_CHARS + 1)])
def test_what_does_more_or_nothing_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected a note of at most 500 printable characters, on one line"):
        note_of(text)
