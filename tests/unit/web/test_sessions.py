"""Tokens and sessions."""

from datetime import UTC, datetime, timedelta

import pytest

from sitemon.web.sessions import SESSION_LASTS, Sessions, digest_of, new_token

NOW = datetime(2026, 11, 24, 7, tzinfo=UTC)
KEY = b"k" * 32
TOKENS = {"anna": digest_of("a"), "ben": digest_of("b"), "c.d@e": digest_of("c")}
SESSIONS = Sessions(KEY, TOKENS)


def test_a_token_is_random_and_long_and_can_be_recognised() -> None:
    made = {new_token() for _ in range(100)}
    assert len(made) == 100
    assert all(token.startswith("sitemon_") and len(token) == 8 + 43 for token in made)


@pytest.mark.parametrize(("token", "name"), [("a", "anna"), ("b", "ben"), ("", None), ("A", None), ("\udcff", None)])
def test_a_token_says_who_has_it(token: str, name: str | None) -> None:
    assert SESSIONS.name_of_token(token) == name


def test_the_hash_of_a_token_is_no_token() -> None:
    assert SESSIONS.name_of_token(TOKENS["anna"]) is None


@pytest.mark.parametrize("name", TOKENS)
def test_a_session_lasts_for_its_time(name: str) -> None:
    cookie = SESSIONS.begin(name, NOW)
    assert SESSIONS.name_of(cookie, NOW + SESSION_LASTS - timedelta(seconds=1)) == name
    assert SESSIONS.name_of(cookie, NOW + SESSION_LASTS) is None


def test_no_part_of_a_session_can_be_changed() -> None:
    until, signature, name = SESSIONS.begin("anna", NOW).split(".")
    changed = [
        f"{int(until) + 1}.{signature}.{name}",
        f"{until}.{signature}.ben",
        f"{until}.{signature[:-2]}.{name}",
        f"{until}.{signature}.{name}.",
        f"{until}..{name}",
        f"\u0661.{signature}.{name}",
        "..",
        ".",
        "",
        "1" * 5_000,
    ]
    assert [SESSIONS.name_of(cookie, NOW) for cookie in changed] == len(changed) * [None]


@pytest.mark.parametrize(
    "others",
    [
        pytest.param(Sessions(b"x" * 32, TOKENS), id="another key"),
        pytest.param(Sessions(KEY, {"ben": TOKENS["ben"]}), id="taken back"),
        pytest.param(Sessions(KEY, {"anna": digest_of("new")}), id="renewed"),
    ],
)
def test_a_session_ends_with_its_key_and_its_token(others: Sessions) -> None:
    assert others.name_of(SESSIONS.begin("anna", NOW), NOW) is None


def test_the_token_of_a_form_is_of_one_session_alone() -> None:
    first, second = SESSIONS.begin("anna", NOW), SESSIONS.begin("anna", NOW + timedelta(seconds=1))
    assert SESSIONS.is_csrf_token(SESSIONS.csrf_token(first), first)
    assert not SESSIONS.is_csrf_token(SESSIONS.csrf_token(second), first)
    assert not SESSIONS.is_csrf_token("\udcff", first)
