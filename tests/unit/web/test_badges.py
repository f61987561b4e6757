"""Badges: well formed and of one width, whatever is in them."""

from xml.etree import ElementTree as ET

import pytest

from sitemon.web.badges import latency_badge, state_badge, uptime_badge

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ["shop", "", "x" * 1_000, "<script>alert(1)</script>", "\"'&]]>", "\x00\x1b[31m\u202e\ud800", "日本"]


def widths(*badges: str) -> set[str | None]:
    return {ET.fromstring(badge).get("width") for badge in badges}  # noqa: S314 - it is our own


@pytest.mark.parametrize("name", NAMES)
def test_no_name_changes_what_a_badge_is(name: str) -> None:
    found = ET.fromstring(state_badge(name, "up"))  # noqa: S314 - it is our own
    assert [one.tag.removeprefix(SVG) for one in found.iter()] == ["svg", "title", "rect", "rect", "g", "text", "text"]
    assert set(found.attrib) == {"width", "height", "role", "aria-label"}


def test_their_width_is_fixed() -> None:
    assert len(widths(*(state_badge("s", state) for state in ("up", "maintenance", "a new word")))) == 1
    assert (
        len(widths(*(uptime_badge("s", uptime, is_made_up=bool(uptime)) for uptime in (None, 0.0, 0.99994, 1.0)))) == 1
    )
    assert len(widths(*(latency_badge("s", latency_s) for latency_s in (None, 0.00042, 1.5, 299.0)))) == 1


def test_their_values_are_as_everywhere() -> None:
    assert ">99.99%<" in uptime_badge("s", 0.999999, is_made_up=False)
    assert ">no data<" in uptime_badge("s", None, is_made_up=False)
    assert ">250ms<" in latency_badge("s", 0.25)
