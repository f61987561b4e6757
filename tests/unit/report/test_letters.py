"""A dead letter is shown as what it is, and never does anything to a terminal."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sitemon.model.marks import Reign, encode_mark
from sitemon.model.result import encode
from sitemon.model.schedule import Told, encode_event
from sitemon.report.letters import as_json_types, letter_lines, letters_table, text_of
from sitemon.stream.dead_letters import DeadLetter, Kept
from sitemon.stream.topics import Topics
from tests.results import a_result

TOPICS = Topics("t.results", "t.schedule", "t.dead-letters", "t.marks", "t.status")


def kept(
    value: bytes | None,
    *,
    key: bytes | None = b"shop",
    reason: str = "not_a_result",
    truncated: str = "",
    topic: str = TOPICS.results,
) -> Kept:
    letter = DeadLetter(key, value, reason, topic, 3, 41, truncated)
    return Kept(0, 7, 1_700_000_000_000, None if value is None else len(value), letter)


def shown(value: bytes | None, **fields: str) -> str:
    return "\n".join(letter_lines(kept(value, **fields), TOPICS))  # type: ignore[arg-type] # only texts are given


def table(*letters: Kept) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(letters_table(letters))
    return out.getvalue()


def test_the_head_says_where_it_is_where_it_came_from_and_what_reading_it_says_now() -> None:
    assert shown(b"{") == (
        "number     0:7\n"
        "put aside  2023-11-14T22:13:20.000000Z\n"
        "reason     not_a_result\n"
        "now        not_a_result: Input data was truncated\n"
        "came from  t.results 3:41\n"
        "key        shop\n"
        "value      1 bytes\n"
        "\n"
        "{"
    )


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        (TOPICS.results, encode(a_result())),
        (TOPICS.schedule, encode_event(Told(token=1, sequence=3, first=1, at_ms=2))),
        (TOPICS.marks, encode_mark(Reign(token=1, from_ms=2, until_ms=3))),
    ],
)
def test_what_can_be_read_by_now_says_so(topic: str, value: bytes) -> None:
    assert "now        it can be read" in shown(value, topic=topic)


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        (b'{"a":[1,"\xc3\xa4"]}', '{\n  "a": [\n    1,\n    "ä"\n  ]\n}'),
        (b"plain \x1b[31mtext\x00\nof two lines", "plain \\x1b[31mtext\\x00\nof two lines"),
        (b'"\\u001b]0;title\\u0007"', '"\\u001b]0;title\\u0007"'),
        (b"\x00\xff{", "00000000  00 ff 7b                                         ..{"),
        (b"[" * 2_000, "[" * 2_000),
        (b"9" * 5_000, "9" * 5_000),
    ],
    ids=["json", "text", "escapes in json", "binary", "nested too deeply", "a number too long"],
)
def test_a_value_is_json_or_text_or_bytes(value: bytes, lines: str) -> None:
    assert shown(value).split("\n\n", 1)[1] == lines


def test_a_large_value_is_cut_and_says_so() -> None:
    text = shown(bytes([255]) * (1 << 20))
    assert text.count("\n") < 300
    assert text.endswith("… and 1,044,480 bytes more; --json gives all of them")


def test_of_json_that_is_nested_deep_no_more_is_shown_than_there_is() -> None:
    value = b"[" * 400 + b",".join([b"1"] * 30_000) + b"]" * 400
    assert shown(value).endswith(f"\n\n{value.decode()}")


def test_a_tombstone_has_no_value() -> None:
    assert shown(None).endswith("value      none: a tombstone")


def test_a_truncated_one_says_what_it_was() -> None:
    assert "truncated  9 abc  (length in bytes and SHA-256 of the whole value)" in shown(b"x", truncated="9 abc")


@given(data=st.binary(), reason=st.text())
def test_whatever_the_bytes_are_nothing_unprintable_is_printed(data: bytes, reason: str) -> None:
    one = kept(data, key=data, reason=reason)
    printed = "".join(letter_lines(one, TOPICS)) + text_of(data) + table(one)
    assert printed.replace("\n", "").isprintable()


def test_the_table_has_a_line_each_and_cuts_long_keys() -> None:
    lines = table(kept(b"abc"), kept(None, key=b"[bold]" + b"k" * 100, reason="tombstone")).splitlines()
    assert lines[1].split() == ["0:7", "2023-11-14", "22:13:20", "not_a_result", "t.results", "3:41", "shop", "3"]
    assert lines[2].split()[-2:] == ["[bold]" + "k" * 33 + "…", "none"]


def test_json_has_bytes_as_text_where_they_are_and_as_base64() -> None:
    found = json.loads(json.dumps(as_json_types(kept(b"\xff", key=b"shop"), TOPICS, with_value=True)))
    assert (found["number"], found["reason"], found["offset"], found["value_bytes"]) == ("0:7", "not_a_result", 41, 1)
    assert (found["key"], found["key_base64"], found["value"], found["value_base64"]) == (
        "shop",
        "c2hvcA==",
        None,
        "/w==",
    )
    assert "value" not in as_json_types(kept(b"x"), TOPICS, with_value=False)
