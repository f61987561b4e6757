"""A file within its limit of bytes may hold more values than memory has room for: they are counted first."""

from pathlib import Path

import pytest

from sitemon.config import documents, yaml_bounds
from sitemon.model.errors import ConfigurationError

MOST = 100


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits are low enough for a test."""
    monkeypatch.setattr(yaml_bounds, "MOST_VALUES", MOST)
    monkeypatch.setattr(documents, "_MOST_IN_JSON", MOST)


@pytest.mark.parametrize(
    ("name", "words", "expected"),
    [
        ("a.yaml", "[" + "a," * MOST + "]", ":1: more than 100 values; as JSON, more can be read"),
        ("a.yaml", "- {a: b}\n" * (MOST // 3 + 1), ":34: more than 100 values; as JSON, more can be read"),
        ("a.yaml", "[]\n---\n" * (MOST + 1), ":201: more than 100 values; as JSON, more can be read"),
        ("a.json", "[" + "1," * MOST + "1]", ": more than 100 values"),
        ("a.json", "[" + "[]," * MOST + "[]]", ": more than 100 values"),
        ("a.json", '{"a":' * (MOST + 1) + "1" + "}" * (MOST + 1), ": more than 100 values"),
    ],
)
def test_it_is_refused(tmp_path: Path, name: str, words: str, expected: str) -> None:
    (tmp_path / name).write_text(words)
    with pytest.raises(ConfigurationError) as caught:
        documents.read_document(tmp_path / name)
    assert [str(mistake) for mistake in caught.value.mistakes] == [f"{tmp_path / name}{expected}"]


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_one_fewer_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("[" + "1," * (MOST - 2) + "1]")
    assert documents.read_document(tmp_path / name).value == [1] * (MOST - 1)
