"""A page is sent compressed; pieces that were compressed by themselves make one page."""

import gzip

from sitemon.web.made import make, piece

WORDS = "<p>one two three</p>\n" * 2_000


def test_a_compressed_page_is_the_page() -> None:
    made = make(WORDS, "text/html")
    assert gzip.decompress(made.compressed) == made.body == WORDS.encode()
    assert len(made.compressed) < len(made.body) / 20


def test_pieces_make_one_compressed_page_in_any_order() -> None:
    head, body = piece("<h1>größer</h1>"), piece(WORDS)
    for pieces in ((head, body, piece("")), (body, head, body)):
        made = make(pieces, "text/html")
        assert gzip.decompress(made.compressed) == made.body == b"".join(each.body for each in pieces)


def test_the_same_page_has_the_same_etag_whatever_its_pieces() -> None:
    half = len(WORDS) // 2
    assert make([piece(WORDS[:half]), piece(WORDS[half:])], "text/html").etag == make(WORDS, "text/html").etag
    assert make(WORDS + " ", "text/html").etag != make(WORDS, "text/html").etag
