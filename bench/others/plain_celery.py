"""One site a Celery task, as one writes it first: beat sends a task a site, a thread makes a request and produces.

    celery -A bench.others.plain_celery worker --pool threads, and beat

Its producer lingers as ours does, and no task has a result backend: both make it cheaper than the first try is. The
environment says where broker and Kafka are, and how many sites at which URL: BENCH_BROKER, BENCH_KAFKA, BENCH_URL,
BENCH_SITES.
"""

import json
import os
import re
import threading
import time
from typing import Any

import requests
from celery import Celery
from kafka import KafkaProducer

from bench.others.places import TOPIC

SITES = range(int(os.environ["BENCH_SITES"]))

app = Celery("plain_celery", broker=os.environ["BENCH_BROKER"])
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=4, broker_connection_retry_on_startup=True)
app.conf.beat_schedule = {
    f"site-{number}": {
        "task": "check",
        "schedule": 1.0,
        "args": (f"site-{number}", f"{os.environ['BENCH_URL']}/site-{number}", "is w.ll"),
    }
    for number in SITES
}
_lock = threading.Lock()
_producers: list[KafkaProducer] = []


def producer() -> KafkaProducer:
    """Return this process' producer."""
    with _lock:
        if not _producers:
            _producers.append(
                KafkaProducer(
                    bootstrap_servers=os.environ["BENCH_KAFKA"], acks="all", compression_type="lz4", linger_ms=5
                )
            )
    return _producers[0]


@app.task(name="check")
def check(site: str, url: str, match: str) -> None:
    """Visit the site and produce what was found."""
    began_s = time.perf_counter()
    response = requests.get(url, timeout=10)
    result: dict[str, Any] = {
        "site": site,
        "url": url,
        "http_code": response.status_code,
        "latency_s": time.perf_counter() - began_s,
        "is_match_found": re.search(match, response.text) is not None,
    }
    producer().send(TOPIC, key=site.encode(), value=json.dumps(result).encode())
