"""What a worker has in memory: nothing that only others need, and once what all its processes need."""

import os
import subprocess
import sys

SERVERS = {"SITEMON_REDIS_URL": "redis://127.0.0.1:9/0", "SITEMON_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
OF_OTHERS = {
    *("apprise", "fastapi", "jinja2", "psycopg2", "rich", "starlette", "uvicorn"),
    *(f"sitemon.{room}" for room in ("alert", "cli", "incident", "local", "record", "report", "store", "web")),
}
BEGIN = """
import sys
import celery.apps.worker, celery.concurrency.thread
from sitemon.celery import app
from sitemon.worker.shared_modules import import_shared_modules
app.loader.init_worker()
import_shared_modules()
"""
BECOME_A_WORKER = """
imported = set(sys.modules)
app.WorkController(pool="threads", concurrency=1)
print(*set(sys.modules) - imported)
"""


def modules_printed(code: str) -> set[str]:
    program = [sys.executable, "-c", code]
    return set(
        subprocess.run(program, env=os.environ | SERVERS, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    )


def test_a_worker_imports_nothing_that_only_others_need() -> None:
    imported = modules_printed(f"{BEGIN}print(*sys.modules)")
    assert "sitemon.tasks" in imported
    assert imported & OF_OTHERS == set()


def test_a_process_of_a_worker_imports_nothing_after_the_fork() -> None:
    assert modules_printed(BEGIN + BECOME_A_WORKER) == set()
