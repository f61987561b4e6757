"""The stopwatch of a hop."""

from sitemon.checks.timing import Stopwatch


def test_all_time_from_the_start_goes_to_a_phase() -> None:
    watch = Stopwatch(10.0, iter([15.0, 15.5, 17.5]).__next__)
    watch.begin("dns")
    watch.enter("connect")
    watch.enter("download")
    phases = watch.stop()
    assert (phases.dns, phases.connect, phases.download) == (5.0, 0.5, 2.0)
    assert (phases.tls, phases.first_byte) == (0, 0)


def test_a_hop_that_failed_at_once_spent_its_time_connecting() -> None:
    phases = Stopwatch(10.0, iter([15.0]).__next__).stop()
    assert (phases.dns, phases.connect) == (0, 5.0)
