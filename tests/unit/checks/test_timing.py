"""The stopwatch of a hop."""

from sitemon.checks.timing import Stopwatch
from sitemon.clock import monotonic_s


def test_all_time_from_the_start_goes_to_a_phase() -> None:
    started_s = monotonic_s() - 5
    watch = Stopwatch(started_s)
    watch.begin("dns")
    watch.enter("connect")
    watch.enter("download")
    phases = watch.stop()
    assert 5 <= phases.dns < 6
    assert (phases.tls, phases.first_byte) == (0, 0)
    total_s = phases.dns + phases.connect + phases.download
    assert 5 <= total_s <= monotonic_s() - started_s


def test_a_hop_that_failed_at_once_spent_its_time_connecting() -> None:
    phases = Stopwatch(monotonic_s() - 5).stop()
    assert 5 <= phases.connect < 6
    assert phases.dns == 0
