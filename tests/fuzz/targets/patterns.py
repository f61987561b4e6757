"""Patterns of those who edit sites, over documents of those who own them; and secrets that a page may echo."""

from contextlib import suppress
from pathlib import Path
from typing import Final

from sitemon.checks.judge.expect_json import misfits
from sitemon.checks.judge.masked import Mask
from sitemon.config.settings import Settings
from sitemon.config.site_expect import json as expected_json
from sitemon.config.site_values import Context, regex
from sitemon.config.values import UnfitError
from sitemon.model.site import Header, Site
from sitemon.patterns.regex import is_found
from tests.fuzz.target import SEPARATOR, Target, parts_of

_CONTEXT: Final = Context(Path("/nonexistent"), {}, Settings(), {})
_LONGEST_PATH: Final = 200
_SHORTEST_SECRET: Final = 4


def read_json_path(data: bytes) -> None:
    """Look a path up in a document, if it is one that a site may have."""
    path, document = (part.decode(errors="replace") for part in parts_of(data, 2))
    with suppress(UnfitError):
        for expected in ({"path": path, "matches": "a"}, {"path": path, "equals": 1}, {"path": path, "less_than": 3}):
            for words, _ in misfits(expected_json([expected], _CONTEXT), document, was_cut=False):
                assert words


def read_regex(data: bytes) -> None:
    """Search a text for a regex, if it is one that a site may have."""
    pattern, text = (part.decode(errors="replace") for part in parts_of(data, 2))
    with suppress(UnfitError):
        is_found(regex(pattern, _CONTEXT), text)


def read_echo(data: bytes) -> None:
    """Mask a secret in a text; of what is left, none of it is the secret."""
    secret, text = (part.decode(errors="replace") for part in parts_of(data, 2))
    if len(secret) < _SHORTEST_SECRET or "*" in secret or not secret.isprintable():
        return
    site = Site(name="shop", url="http://shop.example/", headers=(Header("X", secret, is_secret=True),))
    shown = Mask(site, at_once=False).masked(text, 0, 300)
    assert secret.lower() not in shown.lower()


TARGETS: Final = (
    Target(
        "json_path",
        read_json_path,
        tuple(
            SEPARATOR.join((path, b'{"a": [{"b": 1, "c": "x"}, {"b": [2, {"a": null}]}], "": "\\ud83d\\ude00"}'))
            for path in (
                b"$.a[0].b",
                b"$..b",
                b"$['a',\"\"][-1:0:-2, 0, *]",
                b"$.a[?@.b > 1 && !(@.c == 'x') || count(@.*) == 2]",
                b"$.a[?length(@.c) >= 1 && match(@.c, 'x|y') || search(@.c, '[a-z]')]",
                b"$..a[?value($..b) == null]",
                b"$",
            )
        ),
    ),
    Target(
        "regex",
        read_regex,
        tuple(
            SEPARATOR.join(pair)
            for pair in (
                (b"(?i)in stock", b"In Stock"),
                (b"^(?P<n>a+)+$", b"a" * 50),
                (b"\\pL{2,1000}[[:alpha:]\\x{10FFFF}]\\b", "äö".encode()),
                (b"(?=a)", b"a"),
            )
        ),
    ),
    Target(
        "echo",
        read_echo,
        (
            b"s3cret-of-the-shop" + SEPARATOR + b"a \\u0073&#51;cret%2Dof-the-shop b czNjcmV0LW9mLXRoZS1zaG9w",
            b"p\xc3\xa4ss/w+rd&" + SEPARATOR + b"x p%C3%A4ss%2Fw%2Brd&amp; 70c3a473732f772b726426 p\\xe4ss\\/w rd",
        ),
    ),
)
