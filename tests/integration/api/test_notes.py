"""Notes on incidents: whoever may act writes them; everybody sees those that are published, and not who wrote them."""

import logging
from xml.etree import ElementTree as ET

import httpx
import pytest

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.store.connect import connect
from tests.databases import dicts, reading_role, run
from tests.integration.api.conftest import Serve
from tests.integration.api.scene import BEARER, HOSTILE_ERROR, Scene, problem
from tests.integration.api.test_operator_pages import form_token, sign_in
from tests.results import this_hour

V1 = "/api/v1"
ATOM = "{http://www.w3.org/2005/Atom}"
SECRET = "it was ben's deploy"
PUBLIC = "We are on it: </li><script>alert(3)</script> & more"


def write(page: httpx.Client, scene: Scene, note: str, *, is_published: bool = False) -> httpx.Response:
    path = f"{V1}/incidents/{scene.incident_id}/notes"
    return page.post(path, json={"note": note, "is_published": is_published}, headers=BEARER)


def notes_in(scene: Scene) -> list[dict[str, object]]:
    return dicts(scene.conn, "SELECT written_by, note, is_published FROM sitemon.notes ORDER BY note_id")


def test_a_program_writes_a_note_and_reads_it(
    page: httpx.Client, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answer = write(page, scene, f" {SECRET} ")
    assert answer.status_code == 201
    [note] = answer.json()["notes"]
    assert (note["written_by"], note["note"], note["is_published"]) == ("anna", SECRET, False)
    assert page.get(f"{V1}/incidents/{scene.incident_id}").json() == answer.json()
    line = f"web.noted: by=anna via=token from=127.0.0.1 incident={scene.incident_id} unpublished"
    assert [event for event in caplog.messages if "web.noted" in event] == [line]


@pytest.mark.parametrize(
    ("note", "status"), [("", 422), ("x" * 501, 422), ("a\0b", 422), ("a\nb", 409), ("   ", 409), ("\u202ea", 409)]
)
def test_what_is_no_note_is_refused(page: httpx.Client, scene: Scene, note: str, status: int) -> None:
    answer = write(page, scene, note)
    assert (answer.status_code, problem(answer)["status"]) == (status, status)
    assert notes_in(scene) == []


def test_nobody_writes_on_what_is_not_there_or_without_a_sign_in(page: httpx.Client, scene: Scene) -> None:
    note = {"note": "hello"}
    assert page.post(f"{V1}/incidents/2147483647/notes", json=note, headers=BEARER).status_code == 404
    assert page.post(f"{V1}/incidents/{scene.incident_id}/notes", json=note).status_code == 401
    path = f"/incidents/{scene.incident_id}/note"
    assert page.get(path).status_code == 303
    sign_in(page)
    assert page.post(path, data=note | {"csrf_token": "forged"}).status_code == 403
    assert notes_in(scene) == []


def test_an_operator_writes_one_by_the_page_which_shows_it_at_once(page: httpx.Client, scene: Scene) -> None:
    sign_in(page)
    incident = f"/incidents/{scene.incident_id}"
    assert f'href="{incident}/note"' in page.get(incident).text
    fields = {"note": HOSTILE_ERROR, "csrf_token": form_token(page, f"{incident}/note")}
    answer = page.post(f"{incident}/note", data=fields)
    assert (answer.status_code, answer.headers["location"]) == (303, incident)
    text = page.get(incident).text
    assert "note by anna:" in text
    assert "&lt;script&gt;alert(2)" in text
    assert "<script>alert" not in text
    assert notes_in(scene) == [{"written_by": "anna", "note": HOSTILE_ERROR, "is_published": False}]
    refused = page.post(f"{incident}/note", data=fields | {"note": "a\nb"})
    assert (refused.status_code, "printable characters, on one line" in refused.text) == (409, True)


def test_everybody_sees_what_is_published_and_nothing_else_of_notes(serve_page: Serve, scene: Scene) -> None:
    page, public = serve_page(), serve_page(only_public=True)
    before = public.get("/feed.atom").text
    assert write(page, scene, SECRET).status_code == 201
    assert write(page, scene, PUBLIC, is_published=True).status_code == 201
    fresh = serve_page(only_public=True)
    for path in ("/public", "/feed.atom"):
        text = fresh.get(path).text
        assert "We are on it: &lt;/li&gt;&lt;script&gt;alert(3)&lt;/script&gt; &amp; more" in text
        assert "<script>alert" not in text
        assert [word for word in (SECRET, "anna", "ben") if word in text] == []
    assert "<content" not in before
    assert fresh.post(f"{V1}/incidents/{scene.incident_id}/notes", json={"note": "x"}).status_code == 404
    assert fresh.get(f"/incidents/{scene.incident_id}/note", headers=BEARER).status_code == 404


def test_a_published_note_is_taken_back_and_the_feed_says_so(
    serve_page: Serve, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    page = serve_page()
    number = write(page, scene, PUBLIC, is_published=True).json()["notes"][0]["note_id"]
    path = f"{V1}/incidents/{scene.incident_id}/notes/{number}"
    before = entry(serve_page(only_public=True))
    assert page.delete(path).status_code == 401
    assert page.delete(path, headers=BEARER).status_code == 204
    line = f"web.note_withdrawn: by=anna via=token from=127.0.0.1 incident={scene.incident_id} note={number}"
    assert [event for event in caplog.messages if "web.note_withdrawn" in event] == [line]
    public = serve_page(only_public=True)
    assert [where for where in ("/public", "/feed.atom") if "We are on it" in public.get(where).text] == []
    after = entry(public)
    place, place_before = (one.findtext(f"{ATOM}id", "").partition("/public")[2] for one in (after, before))
    assert place == place_before == f"#incident-{scene.incident_id}"
    assert after.findtext(f"{ATOM}updated", "") > before.findtext(f"{ATOM}updated", "")
    [note] = page.get(f"{V1}/incidents/{scene.incident_id}").json()["notes"]
    assert (note["withdrawn_by"], note["is_published"], note["was_published"]) == ("anna", False, True)
    assert page.delete(path, headers=BEARER).status_code == 409
    assert page.delete(f"{V1}/incidents/4711/notes/{number}", headers=BEARER).status_code == 409


def test_what_is_written_instead_of_a_note_takes_its_place(page: httpx.Client, scene: Scene) -> None:
    number = write(page, scene, "it was ben", is_published=True).json()["notes"][0]["note_id"]
    path = f"{V1}/incidents/{scene.incident_id}/notes"
    instead = {"note": "it was a deploy", "is_published": True, "replaces": number}
    answer = page.post(path, json=instead, headers=BEARER)
    assert answer.status_code == 201
    assert [(note["note"], note["is_published"]) for note in answer.json()["notes"]] == [
        ("it was ben", False),
        ("it was a deploy", True),
    ]
    assert problem(page.post(path, json=instead, headers=BEARER))["status"] == 409
    assert len(notes_in(scene)) == 2


def test_an_operator_edits_a_note_by_the_page_or_only_takes_it_back(page: httpx.Client, scene: Scene) -> None:
    sign_in(page)
    number = write(page, scene, PUBLIC, is_published=True).json()["notes"][0]["note_id"]
    form = f"/incidents/{scene.incident_id}/note?replaces={number}"
    assert form.replace("&", "&amp;") in page.get(f"/incidents/{scene.incident_id}").text
    shown = page.get(form).text
    assert 'value="We are on it: &lt;/li&gt;' in shown
    assert "checked" in shown
    fields = {"note": "We were on it", "replaces": str(number), "csrf_token": form_token(page, form)}
    assert page.post(f"/incidents/{scene.incident_id}/note", data=fields).status_code == 303
    assert page.get(form).status_code == 404
    text = page.get(f"/incidents/{scene.incident_id}").text
    assert "public note by anna, taken back by anna at" in text
    again = fields | {"replaces": str(number + 1), "withdraw": "1", "note": ""}
    assert page.post(f"/incidents/{scene.incident_id}/note", data=again).status_code == 303
    assert page.post(f"/incidents/{scene.incident_id}/note", data=again).status_code == 409
    assert [note["is_published"] for note in notes_in(scene)] == [False, False]


def entry(public: httpx.Client) -> ET.Element:
    found = ET.fromstring(public.get("/feed.atom").text).find(f"{ATOM}entry")  # noqa: S314 - it is our own
    assert found is not None
    return found


def test_notes_on_sites_that_are_not_public_are_not(page: httpx.Client, serve_page: Serve, scene: Scene) -> None:
    number = scene.incident("intern", this_hour())
    answer = page.post(
        f"{V1}/incidents/{number}/notes", json={"note": "of intern", "is_published": True}, headers=BEARER
    )
    assert answer.status_code == 201
    public = serve_page(only_public=True)
    assert [path for path in ("/public", "/feed.atom") if "of intern" in public.get(path).text] == []


def test_many_notes_on_one_incident_hide_none_of_another(serve_page: Serve, scene: Scene) -> None:
    numbers = (scene.incident_id, scene.incident("shop", this_hour()))
    query = "INSERT INTO sitemon.incident_note (incident_id, written_by, note, is_published) SELECT %s, 'ben', %s, true"
    with scene.conn, scene.conn.cursor() as cursor:
        cursor.execute(query, (numbers[0], "the only one"))
        cursor.execute(f"{query} FROM generate_series(1, 250)", (numbers[1], "one of many"))
    assert "the only one" in serve_page(only_public=True).get("/public").text


def test_who_may_only_read_the_database_writes_notes_and_takes_them_back_with_few_rights_more(
    serve_page: Serve, scene: Scene, postgres_server: PostgresServer, owner: Credentials, admin: Credentials
) -> None:
    with reading_role(postgres_server, admin, owner.database) as (granting, reader):
        page = serve_page(connect=lambda: connect(postgres_server, reader, application_name="test-web"))
        assert problem(write(page, scene, "x"))["status"] == 403
        run(granting, "GRANT INSERT ON sitemon.incident_note TO {role}", role=reader.user)
        answer = write(page, scene, "x")
        assert answer.status_code == 201
        note = f"{V1}/incidents/{scene.incident_id}/notes/{answer.json()['notes'][0]['note_id']}"
        assert problem(page.delete(note, headers=BEARER))["status"] == 403
        rights = "GRANT SELECT, UPDATE (withdrawn_at, withdrawn_by) ON sitemon.incident_note TO {role}"
        run(granting, rights, role=reader.user)
        assert page.delete(note, headers=BEARER).status_code == 204
