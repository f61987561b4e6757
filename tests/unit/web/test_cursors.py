"""A place in a list, as text in an address and back."""

import pytest

from sitemon.store.page_site import Key
from sitemon.web.cursors import read_cursor, write_cursor
from tests.unit.web.watches import NOW


@pytest.mark.parametrize("region", ["default", "eu~west", "a b"])
def test_it_comes_back_as_it_was(region: str) -> None:
    key = Key(NOW, region, "scheduled")
    assert read_cursor(write_cursor(key)) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2026-11-28",
        "2026-11-28T00:00:00~scheduled~eu",
        "2026-11-28T00:00:00Z~~eu",
        "2026-11-28T00:00:00Z~a~\0",
    ],
)
def test_any_other_text_says_no_place(text: str) -> None:
    assert read_cursor(text) is None
