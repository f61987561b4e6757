"""A real Alertmanager, if one is installed, takes what it is told, and knows it again after a start of its own."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from sitemon.alert.outlets import sender_of
from sitemon.local.ports import LOOPBACK, free_port
from sitemon.local.process import GuardedProcess
from sitemon.model.alerts import EVENTS, Channel
from tests.integration.alert.scene import Scene
from tests.pipeline import wait_for

PROGRAM = shutil.which("prometheus-alertmanager")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="apt install prometheus-alertmanager")


class Alertmanager:
    """One that keeps its alerts in its memory, as it does."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://{LOOPBACK}:{free_port()}"
        self._folder = folder
        (folder / "alertmanager.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
        self.start()

    def start(self) -> None:
        arguments = [
            f"--config.file={self._folder}/alertmanager.yml",
            f"--storage.path={self._folder}/data",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            "--cluster.listen-address=",
        ]
        self._process = GuardedProcess([str(PROGRAM), *arguments], log=self._folder / "alertmanager.log")
        wait_for(self._is_ready)

    def kill(self) -> None:
        self._process.kill()

    @property
    def alerts(self) -> list[Any]:
        return list(requests.get(f"{self.url}/api/v2/alerts", timeout=30).json())

    def _is_ready(self) -> bool:
        with suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/-/ready", timeout=30).ok
        return False


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Alertmanager]:
    """One that runs."""
    alertmanager = Alertmanager(tmp_path)
    yield alertmanager
    alertmanager.kill()


def test_it_knows_what_lasts_until_it_is_over_also_after_a_start_of_its_own(
    scene: Scene, alertmanager: Alertmanager
) -> None:
    am = Channel(name="am", kind="alertmanager", url=alertmanager.url)
    scene.use(am, events=EVENTS)
    scene.arrive(*scene.results("uddd"))
    [first] = alertmanager.alerts
    assert first["labels"] | {"incident": ""} == {
        "alertname": "SiteDown",
        "incident": "",
        "label_team": "web",
        "site": "shop",
    }
    assert (first["status"]["state"], first["annotations"]["summary"]) == ("active", "shop is down: timeout")
    alertmanager.kill()
    alertmanager.start()
    assert alertmanager.alerts == []
    scene.senders = [sender_of(am, str)]
    scene.send()
    [again] = alertmanager.alerts
    assert (again["labels"], again["startsAt"]) == (first["labels"], first["startsAt"])
    scene.arrive(*scene.results("u", start=4))
    assert alertmanager.alerts == []
