"""Which messages the channel takes: that of the application, as its configuration says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PRINT = "import sitemon.celery; from sitemon.worker.redis_channel import Channel; print(Channel.takes_compressed)"
SERVERS = {"SITEMON_REDIS_URL": "redis://127.0.0.1:9/0", "SITEMON_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}


@pytest.mark.parametrize(("setting", "takes"), [("", "False"), ("task_compression = 'gzip'", "True")])
def test_compressed_ones_where_such_are_sent(tmp_path: Path, setting: str, takes: str) -> None:
    (tmp_path / "ours.py").write_text(setting)
    environ = os.environ | SERVERS | {"CELERY_CONFIG_MODULE": "ours", "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run(
        [sys.executable, "-c", PRINT], env=environ, cwd=tmp_path, check=True, stdout=subprocess.PIPE, text=True
    )
    assert found.stdout == f"{takes}\n"
