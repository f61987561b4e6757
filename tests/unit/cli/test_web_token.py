"""``sitemon web token``: a token, shown once, and the line that lets it in."""

import json
import re
import sys
from pathlib import Path

import pytest

from sitemon.cli.main import main
from sitemon.config.web import web_settings
from sitemon.web.sessions import Sessions


def outcome_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[object, str, str]:
    monkeypatch.setattr(sys, "argv", ["sitemon", "web", *words])
    with pytest.raises(SystemExit) as caught:
        main()
    said = capsys.readouterr()
    return caught.value.code, said.out, said.err


def test_the_line_lets_the_token_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, _ = outcome_of(monkeypatch, capsys, "token", "anna@example")
    assert code == 0
    [token] = re.findall(r"the token, shown only now: (\S+)$", out, re.MULTILINE)
    [line] = re.findall(r'into "tokens" of web\.json: (.*)$', out, re.MULTILINE)
    tokens = json.loads(f"{{{line}}}")
    assert token not in line
    (tmp_path / "web.json").write_text(json.dumps({"tokens": tokens}))
    known = web_settings(None, {"CONF_DIR": str(tmp_path)}).tokens
    assert Sessions(b"", known).name_of_token(token) == "anna@example"


@pytest.mark.parametrize("words", [["token"], ["token", "a b"], ["token", ""], ["token", "a", "b"]])
def test_wrong_use_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    code, out, err = outcome_of(monkeypatch, capsys, *words)
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_help_says_what_there_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "sitemon web token NAME" in outcome_of(monkeypatch, capsys, "--help")[1]
    assert "NAME" in outcome_of(monkeypatch, capsys, "token", "--help")[1]
