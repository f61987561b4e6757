"""The page over 10,000 sites with 90 days behind them, while results of all of them are recorded."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bench.history import Size, fill, filling_fast
from bench.recording_scene import SENT_WITHIN_S, a_result, connect_as_admin
from sitemon import clock
from sitemon.config.servers import kafka_server
from sitemon.model.moment import from_ms
from sitemon.model.result import Result
from sitemon.store.connect import Connection
from sitemon.stream.messenger import result_record
from sitemon.stream.producer import KafkaProducer, send_all
from sitemon.stream.topics import topics_of
from tests.pipeline import Pipeline, wait_for

SIZE: Final = Size(sites=10_000, days=90, hour_days=31, raw_sites=10_000, raw_days=2)
"""Hours and results only as far back as pages show them."""
INTERVAL_MS: Final = 10_000
"""A site has a slot in each; the slots of the 10,000 are a millisecond apart, so a second has 1,000."""
TEAMS: Final = 20
_DOWN_EVERY: Final = 500
_FLAPPING_EVERY: Final = 100
_MINUTE_MS: Final = 60_000
_FEED_EVERY_S: Final = 0.05
_NAMED: Final = Path(__file__).with_name("web_load.sql").read_text(encoding="utf-8").split("-- name: ")
_sql: Final = dict(part.split("\n", 1) for part in _NAMED[1:])


def sites_file(folder: Path) -> Path:
    """Write the sites as a configuration has them."""
    file = folder / "sites.json"
    sites = [
        {
            "name": f"site-{number}",
            "url": f"https://site-{number}.example/health",
            "interval": INTERVAL_MS // 1_000,
            "match": "all is well",
            "labels": {"team": f"team-{number % TEAMS}", "env": "prod" if number % 5 else "test"},
        }
        for number in range(1, SIZE.sites + 1)
    ]
    file.write_text(json.dumps({"sites": sites}))
    return file


def fill_with_past(pipeline: Pipeline) -> None:
    """Fill an empty database with 90 days."""
    now = clock.utc_now()
    with closing(pipeline.connect()) as conn, closing(connect_as_admin(pipeline.stack)) as admin:
        with filling_fast(admin):
            fill(conn, SIZE, now)
        _run(conn, "incidents", {"now": now})


@contextmanager
def recording(pipeline: Pipeline) -> Iterator[None]:
    """Let all sites be due from now on, and a recorder record a result of each slot for the length of the block."""
    base_ms = clock.now_ms()
    with closing(pipeline.connect()) as conn:
        _run(conn, "watched", {"base_ms": base_ms, "interval_ms": INTERVAL_MS})
    pipeline.start("recorder")
    stop = threading.Event()
    feeder = threading.Thread(target=_feed, args=(pipeline.environment, base_ms, stop))
    feeder.start()
    try:
        wait_for(lambda: recorded_between(pipeline, from_ms(base_ms), clock.utc_now()), within_s=60)
        yield
    finally:
        stop.set()
        feeder.join()


def recorded_between(pipeline: Pipeline, first: datetime, end: datetime) -> int:
    """Return how many results there are of the slots between two moments."""
    ((count,),) = pipeline.rows(_sql["recorded"], first, end)
    return int(count)


def _feed(environment: Mapping[str, str], base_ms: int, stop: threading.Event) -> None:
    """Put the result of each slot on the topic, a little after it was due."""
    kafka = kafka_server(None, environment)
    producer, topics = KafkaProducer(kafka), topics_of(kafka)
    next_ms = base_ms + 1
    while not stop.wait(_FEED_EVERY_S):
        now_ms = clock.now_ms()
        due = ((slot_ms, (slot_ms - base_ms - 1) % SIZE.sites + 1) for slot_ms in range(next_ms, now_ms))
        records = [result_record(topics, _found(site, slot_ms)) for slot_ms, site in due]
        if records:
            assert send_all(producer, records, SENT_WITHIN_S), "Kafka is too slow"
            next_ms = now_ms
    producer.close(1)


def _found(site: int, slot_ms: int) -> Result:
    """Return what is found: 20 sites are down, 100 are up and down in turn, each for a minute, one after the other."""
    turned_ms = slot_ms + site * _MINUTE_MS // SIZE.sites
    is_down = site % _DOWN_EVERY == 0 or (site % _FLAPPING_EVERY == 7 and turned_ms // _MINUTE_MS % 2 == 1)
    return a_result(site, from_ms(slot_ms), clock.utc_now(), is_up=not is_down)


def _run(conn: Connection, name: str, values: Mapping[str, Any]) -> None:
    with conn, conn.cursor() as cursor:
        cursor.execute(_sql[name], values)
