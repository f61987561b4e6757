"""A site behind another one: nobody is told of it while that one is down, and nothing is lost."""

import pytest

from tests.scenarios.story import Story
from tests.scenarios.table import lines_of


@pytest.mark.parametrize(
    ("comes", "expected"),
    [
        pytest.param(
            """
            00:00  gateway  uuuuuuuu
            00:00  shop     uddddduu
            """,
            """
            00:03  site.down      hook  shop  since 00:01, timeout
            00:06  site.resolved  hook  shop  00:01 to 00:06, timeout
            """,
            id="the site alone",
        ),
        pytest.param(
            """
            00:00  gateway  udddddduuuuuuuu
            00:00  shop     udddddduuuuuuuu
            """,
            """
            00:03  site.down      hook  gateway  since 00:01, timeout
            00:07  site.resolved  hook  gateway  00:01 to 00:07, timeout
            """,
            id="both at once",
        ),
        pytest.param(
            """
            00:00  gateway  uuuddddduuuuuuu
            00:00  shop     uddddddduuuuuuu
            """,
            """
            00:05  site.down      hook  gateway  since 00:03, timeout
            00:08  site.resolved  hook  gateway  00:03 to 00:08, timeout
            """,
            id="the site a moment before",
        ),
        pytest.param(
            """
            00:00  gateway  udddddduuuuuuu
            00:00  shop     uddddddddddddd
            """,
            """
            00:03  site.down      hook  gateway  since 00:01, timeout
            00:07  site.resolved  hook  gateway  00:01 to 00:07, timeout
            00:12  site.down      hook  shop     since 00:01, timeout
            """,
            id="the site is not back when the other is",
        ),
    ],
)
def test_what_is_told(story: Story, comes: str, expected: str) -> None:
    story.sites(gateway={}, shop={"depends_on": ["gateway"]})
    story.plays(comes)
    assert story.told == lines_of(expected)
