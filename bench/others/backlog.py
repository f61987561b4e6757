"""Put a backlog of batches into a region's queue, as beat does.

python -m bench.others.backlog REGION SLOTS
"""

import itertools
import sys

from sitemon import clock
from sitemon.celery import app
from sitemon.config.sites_watcher import SitesWatcher
from sitemon.queues import CHECK_SLOTS, queue_of
from sitemon.schedule.batch import batches_of


def fill(region: str, slots: int) -> None:
    """Send so many slots of the configured sites, each of another moment."""
    now_ms, names = clock.now_ms(), SitesWatcher().current().by_name
    due = [(name, region, now_ms - number) for number, name in zip(range(slots), itertools.cycle(names))]
    with app.connection_for_write() as connection, connection.channel() as channel:
        producer = app.amqp.Producer(channel)
        for batch in batches_of(due):
            app.send_task(CHECK_SLOTS, args=(batch.slots,), task_id=batch.id, queue=queue_of(region), producer=producer)


if __name__ == "__main__":
    fill(sys.argv[1], int(sys.argv[2]))
