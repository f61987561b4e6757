"""Put a backlog of batches into a region's queue, as beat does.

python -m tests.bench.others.backlog REGION SLOTS
"""

import itertools
import sys

from sitemon import clock
from sitemon.celery import app
from sitemon.config.sites_watcher import SitesWatcher
from sitemon.schedule.batch import batches_of
from sitemon.schedule.lease import Lease
from sitemon.schedule.outstanding import Outstanding
from sitemon.schedule.plan import DueSlot
from sitemon.schedule.queues import CHECK_SLOTS, queue_of
from sitemon.schedule.redis_client import redis_client


def fill(region: str, slots: int) -> None:
    """Send so many slots of the configured sites, each of another moment."""
    now_ms, names = clock.now_ms(), SitesWatcher().current().by_name
    due = [DueSlot(name, region, now_ms - number) for number, name in zip(range(slots), itertools.cycle(names))]
    lease = Lease(redis_client(app))
    if not lease.acquire():
        raise SystemExit("bench: a beat leads")
    batches = list(batches_of(due))
    Outstanding(lease).record(batches, mark_ms=None, at_ms=now_ms)
    with app.connection_for_write() as connection, connection.channel() as channel:
        producer = app.amqp.Producer(channel)
        for batch in batches:
            app.send_task(CHECK_SLOTS, args=(batch.slots,), task_id=batch.id, queue=queue_of(region), producer=producer)
    lease.release()


if __name__ == "__main__":
    fill(sys.argv[1], int(sys.argv[2]))
