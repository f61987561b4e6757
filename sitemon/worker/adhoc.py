"""An ad-hoc check: asked for by a person or a program, published like every other."""

import queue
from datetime import datetime
from typing import Final

from sitemon.checks.engine import Observation
from sitemon.checks.result_of import result_of
from sitemon.checks.site_of import site_of
from sitemon.model.result import Kind, Result
from sitemon.worker.process import Process

KAFKA_PATIENCE_S: Final = 20.0


def check_and_publish(process: Process, name_or_url: str, asked_at: datetime) -> Result:
    """Check a configured site or a URL, and return the result once Kafka has it.

    Raises:
        ConfigurationError: it is neither a configured site nor a URL that can be checked.
        UnreachableError: Kafka did not take the result within 20 s.

    """
    site = site_of(name_or_url, process.watcher.current())
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    process.engine.submit(site, found.put)
    result = result_of(found.get(), site, region=process.settings.region, kind=Kind.ADHOC, slot_at=asked_at)
    process.deliver(result, KAFKA_PATIENCE_S)
    return result
