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
UPDATE sitemon.incident_note SET withdrawn_at = '2030-11-30 12:00:07Z', withdrawn_by = 'ben'
WHERE split_part(note, ' ', 2)::integer = ANY (%(places)s)
"""


def shown(public: httpx.Client, path: str) -> list[int]:
    """Return the places of the notes that are there, in their order."""
    return [int(place) for place in re.findall(r"note (\d+) of many", public.get(path).text)]


@pytest.mark.parametrize("path", ["/public", "/feed.atom"])
def test_everybody_sees_the_newest_that_were_not_taken_back(serve_page: Serve, scene: Scene, path: str) -> None:
    execute(scene.conn, WRITTEN, {"number": scene.incident_id})
    assert shown(serve_page(only_public=True), path) == [*range(51, 61)]
    execute(scene.conn, TAKEN_BACK, {"places": [59, 60, 52]})
    assert shown(serve_page(only_public=True), path) == [48, 49, 50, 51, *range(53, 59)]


@pytest.mark.parametrize("path", ["/public", "/feed.atom"])
def test_who_takes_back_many_hides_none_of_those_before(serve_page: Serve, scene: Scene, path: str) -> None:
    execute(scene.conn, WRITTEN, {"number": scene.incident_id})
    execute(scene.conn, TAKEN_BACK, {"places": [*range(5, 61)]})
    assert shown(serve_page(only_public=True), path) == [1, 2, 3, 4]
    execute(scene.conn, TAKEN_BACK, {"places": [*range(1, 5)]})
    assert shown(serve_page(only_public=True), path) == []


def test_the_feed_says_when_one_was_taken_back(serve_page: Serve, scene: Scene) -> None:
    execute(scene.conn, WRITTEN, {"number": scene.incident_id})
    execute(scene.conn, "UPDATE sitemon.incident_note SET written_at = '2000-01-01 00:00Z'")
    execute(scene.conn, "UPDATE sitemon.incident_note SET is_published = false WHERE note = 'note 3 of many'")
    execute(scene.conn, TAKEN_BACK, {"places": [3]})
    assert "2030" not in serve_page(only_public=True).get("/feed.atom").text
    execute(scene.conn, TAKEN_BACK, {"places": [*range(4, 61)]})
    assert "<updated>2030-11-30T12:00:07.000000Z</updated>" in serve_page(only_public=True).get("/feed.atom").text


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
