"""The first version's way: one site a process on asyncio, and a recorder that inserts and commits row by row.

    python -m bench.others.first_version monitor BOOTSTRAP URL INTERVAL
    python -m bench.others.first_version recorder BOOTSTRAP

It had httpx, aiokafka and asyncpg. Here a GET over plain asyncio streams stands for httpx, which costs several times
as much, and kafka-python and psycopg2 for the other two: the baseline is cheaper than it was.
"""

import asyncio
import json
import os
import re
import sys
import time
from contextlib import closing
from urllib.parse import urlsplit

from kafka import KafkaConsumer, KafkaProducer

from bench.others.places import TABLE, TOPIC
from sitemon import clock
from sitemon.config.servers import database_credentials, postgres_server
from sitemon.store.connect import connect


async def visit(url: str) -> tuple[int, bool]:
    """Return the status of a page, and whether its text has what is looked for."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split(b" ", 2)[1]), re.search("is w.ll", body.decode()) is not None


async def monitor(bootstrap: str, url: str, interval_s: float) -> None:
    """Check one site for ever, and produce each result."""
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    due_s = clock.monotonic_s()
    while True:
        began_s = clock.monotonic_s()
        http_code, is_found = await asyncio.wait_for(visit(url), timeout=10)
        latency_s = clock.monotonic_s() - began_s
        producer.send(TOPIC, json.dumps([time.time_ns() / 1e9, url, http_code, latency_s, is_found]).encode())
        due_s += interval_s
        await asyncio.sleep(max(0.0, due_s - clock.monotonic_s()))


def record(bootstrap: str) -> None:
    """Insert each result and commit it, for ever."""
    consumer = KafkaConsumer(TOPIC, bootstrap_servers=bootstrap, group_id="first-version")
    server, owner = postgres_server(None, os.environ), database_credentials(None, os.environ)
    with closing(connect(server, owner, application_name="first-version")) as conn, conn.cursor() as cursor:
        for message in consumer:
            cursor.execute(
                f"INSERT INTO {TABLE} VALUES (to_timestamp(%s), %s, %s, %s, %s)",  # noqa: S608 - a constant
                json.loads(message.value),
            )
            conn.commit()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["monitor", bootstrap, url, interval]:
            asyncio.run(monitor(bootstrap, url, float(interval)))
        case ["recorder", bootstrap]:
            record(bootstrap)
