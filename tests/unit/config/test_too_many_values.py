"""A file within its limit of bytes may hold more values than memory has room for: they are counted first."""

from pathlib import Path

import pytest

from sitemon.config import documents
from sitemon.model.errors import ConfigurationError

MOST = 100
IN_YAML = "more than 100 values, each list and mapping as two; as JSON, more can be read"
IN_JSON = "more than 100 values, each list and mapping as two"


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits are low enough for a test."""
    for name in ("_MOST_IN_YAML", "_MOST_IN_JSON"):
        monkeypatch.setattr(documents, name, getattr(documents, name)._replace(number=MOST))


@pytest.mark.parametrize(
    ("name", "words", "expected"),
    [
        ("a.yaml", "[" + "a," * MOST + "]", f":1: {IN_YAML}"),
        ("a.yaml", "[" + "{}," * (MOST // 2) + "]", f":1: {IN_YAML}"),
        ("a.yaml", "- {a: b}\n" * (MOST // 4 + 1), f":25: {IN_YAML}"),
        ("a.yaml", "[]\n---\n" * (MOST + 1), f":101: {IN_YAML}"),
        ("a.json", "[" + "1," * MOST + "1]", f": {IN_JSON}"),
        ("a.json", "[" + "[]," * (MOST // 3) + "[]]", f": {IN_JSON}"),
        ("a.json", "[" + "{}," * (MOST // 3) + "{}]", f": {IN_JSON}"),
        ("a.json", "[" + "1," * MOST + "\udcff]", f": {IN_JSON}"),
        ("a.json", '{"a":' * (MOST + 1) + "1" + "}" * (MOST + 1), f": {IN_JSON}"),
    ],
)
def test_it_is_refused(tmp_path: Path, name: str, words: str, expected: str) -> None:
    (tmp_path / name).write_text(words, errors="surrogateescape")
    with pytest.raises(ConfigurationError) as caught:
        documents.read_document(tmp_path / name)
    assert [str(mistake) for mistake in caught.value.mistakes] == [f"{tmp_path / name}{expected}"]


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_one_fewer_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("[" + "1," * (MOST - 3) + "1]")
    assert documents.read_document(tmp_path / name).value == [1] * (MOST - 2)
