"""Slots are arithmetic: the same for ever, even over a restart, in every region."""

from hypothesis import given
from hypothesis import strategies as st

from sitemon.model.site import Site
from sitemon.schedule.slots import in_time_from_ms, next_slot_ms, patience_ms, splay_ms

NAMES = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-_.", min_size=1, max_size=40)
INTERVALS_MS = st.integers(1_000, 90_000_000)
MOMENTS_MS = st.integers(0, 4_000_000_000_000)


def test_splay_is_the_first_8_bytes_of_the_names_sha256() -> None:
    # sha256("example") begins with 50d858e0985ecc7f
    assert splay_ms("example", 60_000) == 0x50D858E0985ECC7F % 60_000


@given(NAMES, INTERVALS_MS, MOMENTS_MS)
def test_the_next_slot_is_the_first_after_the_moment(name: str, interval_ms: int, after_ms: int) -> None:
    slot_ms = next_slot_ms(name, interval_ms, after_ms)
    assert after_ms < slot_ms <= after_ms + interval_ms
    assert (slot_ms - splay_ms(name, interval_ms)) % interval_ms == 0


@given(NAMES, INTERVALS_MS, MOMENTS_MS)
def test_no_slot_lies_between_two_that_follow_each_other(name: str, interval_ms: int, after_ms: int) -> None:
    first_ms = next_slot_ms(name, interval_ms, after_ms)
    assert next_slot_ms(name, interval_ms, first_ms) == first_ms + interval_ms


def test_a_slot_waits_its_interval_and_two_seconds_more() -> None:
    assert in_time_from_ms(interval_ms=10_000, now_ms=12_000) == 0


def test_patience_is_interval_and_timeout_and_twelve_seconds_more() -> None:
    site = Site(name="shop", url="http://shop.example/", interval_ms=30_000, timeout_s=120.25)
    assert patience_ms(site) == 162_250
