"""How much the target of a request may hold."""

from urllib.parse import urlencode

from sitemon.web.targets import LONGEST_BYTES, MOST_FIELDS, is_bounded

NAME = "x" * 200
MOMENT = "2026-11-24T07:00:00.000000Z"


def test_the_longest_that_is_asked_for_is_answered() -> None:
    results = {"from": MOMENT, "until": MOMENT, "region": NAME, "cursor": f"{10**15}~monitor~{NAME}", "limit": 1_000}
    sites = {"label": [f"team:{NAME}"] * 20, "q": "\N{BLACK STAR}" * 200, "cursor": NAME}
    assert is_bounded(f"/api/v1/sites/{NAME}/results".encode(), urlencode(results).encode())
    assert is_bounded(b"/api/v1/sites", urlencode(sites, doseq=True).encode())


def test_beyond_its_bounds_nothing_is() -> None:
    assert is_bounded(b"/", b"x" * (LONGEST_BYTES - 2))
    assert not is_bounded(b"/", b"x" * (LONGEST_BYTES - 1))
    assert not is_bounded(b"x" * LONGEST_BYTES, b"")
    assert is_bounded(b"/", b"&" * (MOST_FIELDS - 1))
    assert not is_bounded(b"/", b"&" * MOST_FIELDS)
