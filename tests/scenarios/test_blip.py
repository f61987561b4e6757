"""A blip: the site is looked at again a second later, is well, and nobody is told."""

from tests.scenarios.story import Story
from tests.scenarios.table import lines_of


def test_a_blip_is_told_to_nobody(story: Story) -> None:
    story.plays("""
        00:00  shop  u
        00:01  shop  d
    """)
    assert story.asked == lines_of("""
        00:01:01  shop  default
        00:01:04  shop  default
    """)
    story.plays("""
        00:01:01  shop  u    confirming
        00:02     shop  uuu
    """)
    assert story.asked == []
    assert story.told == []
