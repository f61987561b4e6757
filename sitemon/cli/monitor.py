"""``sitemon-monitor``: sites checked again and again, without Celery, over one Kafka connection."""

import logging
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from sitemon.checks.engine.of_process import engine_for
from sitemon.cli import options
from sitemon.cli.main import run
from sitemon.cli.signals import stop_on_signals
from sitemon.config.servers import KafkaServer, kafka_server
from sitemon.config.settings import Settings, settings
from sitemon.config.sites import load_sites, site_from_fields
from sitemon.model.errors import UnreachableError
from sitemon.model.site import Site
from sitemon.stream.messenger import messenger_without_marks
from sitemon.stream.ping import ping_kafka
from sitemon.stream.topics import ensure_topics, topics_of
from sitemon.worker.monitor import Monitor

log = logging.getLogger(__name__)

CLOSE_WITHIN_S = 3.0


@click.command("monitor")
@options.kafka
@click.option("--url", "urls", multiple=True, metavar="URL", help="A site to watch; repeat it for more.")
@click.option("--sites", "sites_file", metavar="FILE", type=click.Path(path_type=Path), help="Sites of a file too.")
@click.option(
    "--interval",
    type=options.DURATION,
    default="60s",
    show_default=True,
    help="From one check of a URL to the next, such as 1s, 30s or 5m.",
)
@options.match
def command(
    *, kafka: str | None, urls: Sequence[str], sites_file: Path | None, interval: float, match: str | None
) -> None:
    """Check sites again and again and send every result to Kafka.

    \b
    Example: sitemon-monitor --kafka-conn kafka-server.json --url http://localhost --interval 1
    """  # noqa: D301  # click's mark of a paragraph that is not rewrapped
    server, choices = kafka_server(kafka), settings(os.environ)
    fields: dict[str, object] = {"interval": interval} | ({"match": match} if match else {})
    sites = [site_from_fields({"url": url, **fields}) for url in urls]
    if sites_file is not None:
        sites += [site for site in load_sites(os.environ, sites_file).sites if site.enabled]
    if not sites:
        raise click.UsageError("expected --url or --sites: there is nothing to watch")
    _monitor(sites, server, choices)


def _monitor(sites: Sequence[Site], server: KafkaServer, choices: Settings) -> None:
    _greet(server, choices)
    engine = engine_for(choices)
    messenger = messenger_without_marks(server, choices)
    with stop_on_signals() as stop:
        publish = partial(messenger.publish_results, give_up=stop.is_set)
        log.info("monitor.started: %s sites, results go to %s", len(sites), topics_of(server).results)
        Monitor(sites, engine, publish, choices.region).run(stop)
    engine.close(0)
    messenger.close(CLOSE_WITHIN_S)


def _greet(server: KafkaServer, choices: Settings) -> None:
    """Make missing topics where we may. A Kafka that does not answer yet is no reason not to watch: the spool waits."""
    try:
        ping_kafka(server)
        ensure_topics(server, retention_days=choices.topic_retention_days)
    except UnreachableError as exc:
        log.warning("kafka.waiting: results wait on disk until Kafka answers: %s", exc)


def main() -> None:
    """Run ``sitemon-monitor``."""
    run(command)
