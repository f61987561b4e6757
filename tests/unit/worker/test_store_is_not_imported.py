"""A worker checks and publishes: the store and its driver are there for the few that manage the database."""

import os
import subprocess
import sys

SERVERS = {"SITEMON_REDIS_URL": "redis://127.0.0.1:9/0", "SITEMON_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
LOOK = "import sys, sitemon.tasks; sys.exit('psycopg2' in sys.modules or 'sitemon.store' in sys.modules)"


def test_a_worker_that_only_checks_imports_no_store() -> None:
    assert subprocess.run([sys.executable, "-c", LOOK], env=os.environ | SERVERS, check=False).returncode == 0
