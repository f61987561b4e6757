"""An alerter is killed at each step of sending: another one goes on, nothing is lost, what comes twice has one id."""

import signal
from datetime import timedelta

import pytest

from tests.scenarios.processes import an_alerter
from tests.scenarios.story import Story
from tests.scenarios.table import Line, lines_of

DOWN, RESOLVED = lines_of("""
    00:04  site.down      hook  shop  since 00:01, timeout
    00:04  site.resolved  hook  shop  00:01 to 00:04, timeout
""")
LATER_DOWN, LATER_RESOLVED = lines_of("""
    00:07  site.down      hook  shop  since 00:01, timeout
    00:07  site.resolved  hook  shop  00:01 to 00:04, timeout
""")
MESSAGE, LATER_MESSAGE = lines_of("""
    00:04  message  ops  failure  1 site is down, 1 site is up again: shop
    00:07  message  ops  failure  1 site is down, 1 site is up again: shop
""")


@pytest.mark.parametrize(
    ("channel", "failpoint", "expected"),
    [
        pytest.param(
            "hook", "before sitemon.store.incident:Taken.remember", [LATER_DOWN, LATER_RESOLVED], id="it was deciding"
        ),
        pytest.param(
            "hook", "before sitemon.alert.sender:due_alerts", [LATER_DOWN, LATER_RESOLVED], id="it had the channel"
        ),
        pytest.param("hook", "before sitemon.alert.outlets:post", [LATER_DOWN, LATER_RESOLVED], id="before it sent"),
        pytest.param(
            "hook", "after sitemon.alert.outlets:post", [DOWN, LATER_DOWN, LATER_RESOLVED], id="before it marked"
        ),
        pytest.param("hook", "after sitemon.alert.sender:mark_delivered", [DOWN, LATER_RESOLVED], id="one was marked"),
        pytest.param("hook", "before sitemon.alert.sender:release_channel", [DOWN, RESOLVED], id="all were marked"),
        pytest.param("ops", "after sitemon.alert.sender:gather", [LATER_MESSAGE], id="people: it was gathered"),
        pytest.param(
            "ops",
            "before sitemon.alert.sender:mark_message_delivered",
            [MESSAGE, LATER_MESSAGE],
            id="people: before it marked",
        ),
        pytest.param("ops", "after sitemon.alert.sender:mark_message_delivered", [MESSAGE], id="people: it was marked"),
    ],
)
def test_another_one_goes_on(
    story: Story, database: dict[str, str], channel: str, failpoint: str, expected: list[Line]
) -> None:
    story.routes({"channels": [channel], "group_for": 0})
    with story.alone():
        story.plays("""
            00:00  shop  udddu
        """)
        with an_alerter(story, database, failpoint) as alerter:
            assert alerter.wait(90) == 128 + signal.SIGKILL
    story.goes_on_until("00:07", every=timedelta(minutes=3))  # the lease of the dead one is over
    assert story.told == expected
    assert len({*story.receiver.ids}) == len({event for _, event, *_ in expected if event != "message"})
