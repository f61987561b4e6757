"""A window of maintenance each night in Helsinki, where the clock is changed; moments are in UTC, from midnight on.

In March the clock goes from 03:00 to 04:00, in October from 04:00 back to 03:00, both at 01:00 UTC.
"""

from datetime import datetime

import pytest

from tests.scenarios.story import Story
from tests.scenarios.table import lines_of

WINDOW = {"rrule": "FREQ=DAILY", "duration": "2h", "timezone": "Europe/Helsinki"}
AFTER_IT = """
    02:50  site.down      hook  shop  since 02:30, timeout
    03:30  site.resolved  hook  shop  02:30 to 03:30, timeout
"""


@pytest.mark.parametrize(
    ("day", "start", "comes", "expected"),
    [
        pytest.param(
            "2026-03-29", "02:30", f"00:30  shop  {12 * 'd'}u", "", id="forward within: it ends at 05:30 there"
        ),
        pytest.param("2026-03-29", "02:30", f"00:30  shop  {18 * 'd'}u", AFTER_IT, id="forward, and down after it"),
        pytest.param("2026-03-29", "03:30", f"01:30  shop  {12 * 'd'}u", "", id="a beginning that does not exist"),
        pytest.param(
            "2026-03-29",
            "03:30",
            f"00:30  shop  {6 * 'd'}u",
            """
            00:50  site.down      hook  shop  since 00:30, timeout
            01:30  site.resolved  hook  shop  00:30 to 01:30, timeout
            """,
            id="and down before that",
        ),
        pytest.param("2026-10-25", "03:30", f"00:30  shop  {12 * 'd'}u", "", id="back: the first of two beginnings"),
        pytest.param("2026-10-25", "03:30", f"00:30  shop  {18 * 'd'}u", AFTER_IT, id="back, and down after it"),
        pytest.param("2026-10-25", "03:20", f"00:20  shop  {12 * 'd'}u", "", id="back within"),
    ],
)
def test_where_the_clock_is_changed(story: Story, day: str, start: str, comes: str, expected: str) -> None:
    story.begins(datetime.fromisoformat(f"{day}T00:00Z"))
    story.sites(shop={"interval": "10m", "maintenance": [WINDOW | {"start": start}]})
    story.plays("00:00  shop  u")
    story.plays(comes)
    assert story.told == lines_of(expected)
