"""A certificate that expires is warned of at its thresholds, and a new one anew."""

from tests.results import this_hour
from tests.scenarios.story import DAY, Story
from tests.scenarios.table import lines_of


def test_a_certificate_is_renewed_in_time_and_the_new_one_is_not(story: Story) -> None:
    story.begins(this_hour() - 20 * DAY)
    story.plays("""
        00:00  shop  u  certificate until 35d
    """)
    story.goes_on_until("12d", every=DAY)
    story.plays("""
        12d  shop  u  certificate until 60d
    """)
    story.goes_on_until("61d", every=DAY)
    assert story.told == lines_of("""
        5d   certificate.expiring  hook  shop  within 30 days
        30d  certificate.expiring  hook  shop  within 30 days
        46d  certificate.expiring  hook  shop  within 14 days
        53d  certificate.expiring  hook  shop  within 7 days
        59d  certificate.expiring  hook  shop  within 1 days
    """)
