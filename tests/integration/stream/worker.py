"""A worker process of a test: publishes a growing number a key, and says on stdout what it was promised.

Usage: worker.py BOOTSTRAP TOPIC SPOOL_DIR {endless,fork,marks}
"""

import itertools
import os
import sys
from pathlib import Path

from sitemon import clock
from sitemon.config.servers import KafkaServer
from sitemon.config.settings import Settings
from sitemon.stream.messenger import Messenger, messenger_of_this_process
from sitemon.stream.process_publisher import publisher_of_this_process
from sitemon.stream.producer import Record
from sitemon.stream.topics import topics_of
from tests.results import a_result


class Publishing:
    """What parent and child do alike."""

    def __init__(self, bootstrap: str, topic: str, spool: str) -> None:
        self._server = KafkaServer(client={"bootstrap_servers": bootstrap}, topic=topic, partitions=3)
        self._settings = Settings(spool_dir=Path(spool))

    def publish(self, key: str, number: int) -> None:
        publisher = publisher_of_this_process(self._server, self._settings)
        publisher.publish([Record(topics_of(self._server).schedule, key.encode(), b"%d" % number)])
        os.write(sys.stdout.fileno(), f"{key} {number}\n".encode())  # in one piece, whoever else writes

    def endless(self) -> None:
        for number in itertools.count():
            self.publish("endless", number)
            clock.sleep(0.002)

    def fork(self) -> None:
        """Publish in a parent, then in its child, which leaves as a child of multiprocessing does, then in both."""
        self.publish("parent", 0)
        if (pid := os.fork()) == 0:
            for number in range(50):
                self.publish("child", number)
            os._exit(0)
        for number in range(1, 50):
            self.publish("parent", number)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        self.publish("parent", 50)

    def marks(self) -> None:
        """Publish results in a parent and in its child, which leaves as a child of multiprocessing does."""
        self._messenger().publish_results([a_result("parent", minute=minute) for minute in range(3)])
        if (pid := os.fork()) == 0:
            self._messenger().publish_results([a_result("child")])
            self._messenger().close(5.0)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

    def _messenger(self) -> Messenger:
        return messenger_of_this_process(self._server, self._settings)


if __name__ == "__main__":
    publishing = Publishing(*sys.argv[1:4])
    {"endless": publishing.endless, "fork": publishing.fork, "marks": publishing.marks}[sys.argv[4]]()
