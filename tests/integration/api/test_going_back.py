"""Links to earlier times lead back to the first that is known, and crawlers are asked not to follow them."""

import re
from html import unescape
from typing import Final

import httpx
import pytest

EARLIER: Final = re.compile(r'<a rel="nofollow" href="([^"]+)#charts">. earlier</a>')
TO_OTHER_TIMES: Final = re.compile(r'<a [^>]*href="[^"]*[?&;](?:range|until|before)=[^>]*>')


def earlier(page: httpx.Client, path: str) -> str | None:
    found = EARLIER.search(page.get(path).text)
    return unescape(found[1]) if found else None


@pytest.mark.parametrize(("chosen", "pages"), [("1h", range(3, 7)), ("6h", range(1, 3)), ("90d", range(1, 2))])
def test_one_goes_back_no_further_than_there_is_anything(page: httpx.Client, chosen: str, pages: range) -> None:
    path: str | None = f"/sites/shop?range={chosen}"
    seen = 0
    while path and seen < 10:
        seen += 1
        path = earlier(page, path)
    assert seen in pages


def test_no_crawler_is_led_to_other_times(page: httpx.Client) -> None:
    links = TO_OTHER_TIMES.findall(page.get("/sites/shop?range=1h").text)
    assert len(links) > 8
    assert [link for link in links if "nofollow" not in link] == []
