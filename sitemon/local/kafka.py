"""Apache Kafka of the local stack: broker and controller in one process, in KRaft mode."""

import shutil
import signal
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from sitemon.local import class_archive
from sitemon.local.kafka_files import find_jars, find_java
from sitemon.local.part import Part
from sitemon.local.ports import LOOPBACK, ask, free_port
from sitemon.local.process import OWNER_ONLY, run_guarded

_METADATA: Final = 3
_LOGGING: Final = """\
appenders = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %m (%c{1})%n
rootLogger.level = INFO
rootLogger.appenderRef.out.ref = out
"""
_ENDED_BY_SIGTERM: Final = 128 + signal.SIGTERM
_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
controller.quorum.voters=1@{host}:{controller_port}
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# After SIGKILL the broker comes back only when its former session has ended: 11 s with the default of 9 s.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""


class KafkaProtocolPart(Part):
    """A server that speaks Kafka's protocol."""

    name: ClassVar[str] = "kafka"
    ready_within_s: ClassVar[float] = 60.0

    def answers(self) -> bool:
        """Return whether the server names at least one broker, itself, that takes messages."""
        no_client, no_topics, correlation = -1, 0, 7
        request = struct.pack("!hhihi", _METADATA, 1, correlation, no_client, no_topics)
        answer = ask(self.port, struct.pack("!i", len(request)) + request)
        return len(answer) >= 12 and struct.unpack("!ii", answer[4:12]) >= (correlation, 1)

    @property
    def environment(self) -> dict[str, str]:
        """Where the broker is."""
        return {"SITEMON_KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{self.port}"}


class Kafka(KafkaProtocolPart):
    """Apache Kafka, from KAFKA_HOME or from the jars that Maven fetched; it needs about 330 MB."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._data = self.folder / "data"
        self._properties = self.folder / "server.properties"
        self._draft = self.folder / "classes.jsa"
        self._controller_port = 0

    @property
    def listening_on(self) -> Sequence[int]:
        """The broker's and the controller's."""
        return [self.port, self._controller_port]

    def obtain(self) -> None:
        """Find Java and Kafka's jars; Maven fetches them the first time."""
        find_java()
        find_jars()

    def prepare(self) -> None:
        """Write the configuration and format the data folder once."""
        self._controller_port = free_port()
        self._draft.unlink(missing_ok=True)  # half of one, when its Java was killed
        (self.folder / "log4j2.properties").write_text(_LOGGING)
        self._properties.write_text(self.configuration())
        if not (self._data / "meta.properties").exists():  # which formatting writes last
            shutil.rmtree(self._data, ignore_errors=True)
            run_guarded(self._format(), log=self.log, umask=OWNER_ONLY)

    def configuration(self) -> str:
        """Return this start's server.properties. A later line of the same name wins, so more may be added behind."""
        return _PROPERTIES.format(host=LOOPBACK, port=self.port, controller_port=self._controller_port, data=self._data)

    def command(self) -> Sequence[str | Path]:
        """Return the broker's command line."""
        to_make = () if self._archive().exists() else class_archive.making(self._draft)
        return self._java(*to_make, "-Xmx512m", "kafka.Kafka", self._properties)

    def stop(self) -> None:
        """End the server in good order; the first one to end so leaves an archive of its classes for those to come."""
        super().stop()
        if self._draft.exists() and self._process is not None and self._process.wait() == _ENDED_BY_SIGTERM:
            class_archive.keep(self._draft, self._archive())

    def _archive(self) -> Path:
        return class_archive.archive_of(find_java(), find_jars())

    def _format(self) -> Sequence[str | Path]:
        tool = ("-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format")
        return self._java(*tool, "-t", self.secret("cluster-id"), "-c", self._properties)

    def _java(self, *arguments: str | Path) -> Sequence[str | Path]:
        logging = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}"
        archive = self._archive()
        classes = class_archive.using(archive) if archive.exists() else ()
        return [find_java(), *classes, logging, "-cp", f"{find_jars()}/*", *arguments]
