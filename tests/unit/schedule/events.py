"""Events by which a plan comes to watch something."""

from sitemon.model.schedule import Started, Watch
from sitemon.schedule.plan import Plan
from sitemon.schedule.slots import next_slot_ms


def started(watch: Watch, interval_ms: int, after_ms: int, sequence: int = 1) -> Started:
    """Return the event of a watch whose first slot lies after the moment."""
    return Started(
        site=watch.site,
        region=watch.region,
        at_ms=after_ms,
        sequence=sequence,
        interval_ms=interval_ms,
        patience_ms=interval_ms + 22_000,
        from_slot_ms=next_slot_ms(watch.site, interval_ms, after_ms),
    )


def plan_of(wanted: dict[Watch, int], after_ms: int) -> Plan:
    """Return a plan of such intervals, with the slots after the moment."""
    plan = Plan()
    for watch, interval_ms in wanted.items():
        plan.take(started(watch, interval_ms, after_ms))
    return plan
