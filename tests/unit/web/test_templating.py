"""Pieces that are there already stand in a page where its template has them, and nowhere else."""

from sitemon.web.made import piece
from sitemon.web.templating import render_around


def test_pieces_stand_in_a_page_where_its_template_has_them() -> None:
    kept = piece("<p>kept</p>")
    values = {"snapshot": None, "here": "", "csrf_token": "t", "question": "Sure?", "yes": "Yes", "back": "/"}
    found = render_around("question.html", {"words": kept}, **values)
    assert [place for place, each in enumerate(found) if each is kept] == [1]
    assert b'<p class="lead"><p>kept</p></p>' in b"".join(each.body for each in found)


def test_text_of_others_puts_no_piece_anywhere() -> None:
    hostile = "<!--words-->"
    values = {"snapshot": None, "here": "", "csrf_token": hostile, "question": hostile, "yes": hostile, "back": hostile}
    text = b"".join(each.body for each in render_around("question.html", {"words": piece("kept")}, **values)).decode()
    assert text.count("kept") == 1
    assert text.count("&lt;!--words--&gt;") == 5
