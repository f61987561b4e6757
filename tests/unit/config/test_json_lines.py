"""The line of every value in JSON, however it is laid out."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitemon.config import json_lines
from sitemon.config.json_lines import JsonLines
from sitemon.config.values import ValuePath

LAID_OUT = """{
\t"a" : [ 1,
    {"b": "}],{",
     "c\\u00e9\\ud83d\\ude00": [[], {}]} ]
  ,
  "": null, "d":
    true
}"""


def paths_of(value: Any, above: ValuePath = ()) -> Iterator[ValuePath]:
    yield above
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inside in steps:
        yield from paths_of(inside, (*above, step))


def test_keys_and_items_have_the_line_on_which_they_start() -> None:
    lines = JsonLines(LAID_OUT)
    found = {path: lines.line_of(path) for path in paths_of(json.loads(LAID_OUT))}
    assert found == {
        (): 1,
        ("a",): 2,
        ("a", 0): 2,
        ("a", 1): 3,
        ("a", 1, "b"): 3,
        ("a", 1, "cé😀"): 4,
        ("a", 1, "cé😀", 0): 4,
        ("a", 1, "cé😀", 1): 4,
        ("",): 6,
        ("d",): 6,
    }


def test_what_is_not_there_has_the_line_of_what_is_around_it() -> None:
    assert JsonLines(LAID_OUT).line_of(("a", 1, "missing", "deeper")) == 3


def test_of_a_key_that_stands_again_the_last_counts() -> None:
    lines = JsonLines('{"a": 1,\n"a": 2,\n"b": {"c": 1,\n"c": 1}}')
    assert lines.line_of(("a",)) == 2
    assert sorted(lines.repeated_keys()) == [("a", 2, 1), ("c", 4, 3)]


class Decoder(json.JSONDecoder):
    """Counts the characters that it reads."""

    read = 0

    def raw_decode(self, s: str, idx: int = 0) -> tuple[Any, int]:
        value, end = super().raw_decode(s, idx)
        self.read += end - idx
        return value, end


def test_what_is_nested_is_not_read_again_for_each_level(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Decoder()
    monkeypatch.setattr(json_lines, "_decoder", decoder)
    text = '{"x": 1,\n"x": 1, "y": ' + "[" * 60 + '"' + "y" * 1_000 + '"' + "]" * 60 + "}"
    lines = JsonLines(text)
    assert list(lines.repeated_keys()) == [("x", 2, 1)]
    assert lines.line_of(("y", *[0] * 60)) == 2
    assert decoder.read <= len(text)


KEYS = st.text('ab\\"[]{}:, ', max_size=2)


@given(
    st.recursive(
        st.integers().map(json.dumps) | KEYS.map(json.dumps),
        lambda inside: (
            st.lists(inside).map(lambda items: f"[{', '.join(items)}]")
            | st.lists(st.tuples(KEYS.map(json.dumps), inside)).map(
                lambda pairs: f"{{{', '.join(f'{key} : {one}' for key, one in pairs)}}}"
            )
        ),
        max_leaves=20,
    )
)
def test_each_key_that_stands_again_is_found(text: str) -> None:
    again: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        keys = [key for key, _ in pairs]
        again.extend(key for place, key in enumerate(keys) if key in keys[:place])

    json.loads(text, object_pairs_hook=note)
    assert sorted(key for key, *_ in JsonLines(text).repeated_keys()) == sorted(again)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
        lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
        max_leaves=20,
    )
)
def test_with_one_item_a_line_the_lines_are_those_of_the_items_in_order(value: Any) -> None:
    text = json.dumps(value, indent=1)
    lines = JsonLines(text)
    paths = list(paths_of(value))
    found = [lines.line_of(path) for path in paths]
    openers = [number for number, line in enumerate(text.split("\n"), 1) if line.strip(" ,") not in {"]", "}"}]
    assert found == openers
