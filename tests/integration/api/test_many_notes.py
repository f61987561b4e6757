"""However many notes are written, everybody sees a few of each incident; an account writes so many in an hour."""

import re

import httpx
import pytest

from sitemon.web import acts
from tests.databases import execute, rows
from tests.integration.api.conftest import Serve
from tests.integration.api.scene import BENS, TOKEN, Scene, problem
from tests.integration.api.test_notes import V1

WRITTEN = """
INSERT INTO sitemon.incident_note (incident_id, written_by, note, is_published)
SELECT %(number)s, 'ben', 'note ' || place || ' of many', true FROM generate_series(1, 60) AS place
"""
TAKEN_BACK = """
UPDATE sitemon.incident_note SET withdrawn_at = now(), withdrawn_by = 'ben' WHERE note ~ '^note (59|60|52) of many$'
"""


def shown(public: httpx.Client, path: str) -> list[int]:
    """Return the places of the notes that are there, in their order."""
    return [int(place) for place in re.findall(r"note (\d+) of many", public.get(path).text)]


@pytest.mark.parametrize("path", ["/public", "/feed.atom"])
def test_everybody_sees_the_newest_that_were_not_taken_back(serve_page: Serve, scene: Scene, path: str) -> None:
    execute(scene.conn, WRITTEN, {"number": scene.incident_id})
    assert shown(serve_page(only_public=True), path) == [*range(51, 61)]
    execute(scene.conn, TAKEN_BACK)
    assert shown(serve_page(only_public=True), path) == [48, 49, 50, 51, *range(53, 59)]


def test_an_account_writes_so_many_in_an_hour(serve_page: Serve, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acts, "NOTES_OF_ONE", 3)
    page = serve_page()

    def write(token: str, note: str = "hello") -> httpx.Response:
        path = f"{V1}/incidents/{scene.incident_id}/notes"
        return page.post(path, json={"note": note}, headers={"Authorization": f"Bearer {token}"})

    assert write(TOKEN, "no\nnote").status_code == 409
    assert [write(TOKEN).status_code for _ in range(4)] == [201, 201, 201, 429]
    refused = write(TOKEN)
    assert 3_000 < int(refused.headers["Retry-After"]) <= 3_600
    assert problem(refused)["detail"] == "notes were written too often"
    assert write(BENS).status_code == 201
    assert rows(scene.conn, "SELECT written_by, count(*) FROM sitemon.notes GROUP BY 1 ORDER BY 1") == [
        ("anna", 3),
        ("ben", 1),
    ]
