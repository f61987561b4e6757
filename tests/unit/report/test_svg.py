"""SVG in which nothing of others is markup."""

from sitemon.report.svg import element, text
from tests.unit.report.svg_tree import tree

ATTACK = "\"'><script>alert(1)</script>"


def test_attributes_and_texts_are_escaped() -> None:
    svg = element("g", element("title", text(ATTACK)), class_=ATTACK, width=None)
    found = tree(svg)
    assert (found.attrib, found[0].text) == ({"class": ATTACK}, ATTACK)


def test_names_are_those_of_svg() -> None:
    assert element("a", view_box="0 0 1 1", aria_label="x", stroke_width=2) == (
        '<a viewBox="0 0 1 1" aria-label="x" stroke-width="2"/>'
    )
