"""Thousands of sites are down and renamed, again and again: nobody reads what lasted of them for ever."""

import pytest

from sitemon.store.page import PresentReader
from tests.integration.alert.leaving import LATER, Story
from tests.integration.alert.receiver import Receiver
from tests.integration.alert.scene import Scene


@pytest.fixture
def story(scene: Scene, receiver: Receiver) -> Story:
    return Story(scene, receiver)


def test_of_very_many_that_were_renamed_again_and_again_none_is_read_any_more(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitemon.alert.decide._LASTING_AT_ONCE", 3)
    story.rename(3, 4)
    assert story.lasting == (12, 0, 0)
    story.look(LATER)
    assert story.lasting == (0, 0, 0)
    assert [story.said.count(type_) for type_ in ("site.down", "site.resolved")] == [12, 12]


def test_the_page_reads_few_of_those_that_have_not_ended_yet(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sitemon.store.page._MOST_OF_OTHERS", 3)
    story.arrive("uddd")
    story.rename(1, 2)
    assert len(PresentReader().read(story.scene.conn).open_incidents) == 3
    story.rename(3, 4)
    assert [one.site for one in PresentReader().read(story.scene.conn).open_incidents] == ["shop"]
