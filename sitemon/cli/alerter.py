"""``sitemon-alerter``: decides which sites are down, and tells who wants to know."""

import logging
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

import click

from sitemon import clock
from sitemon.alert.alerter import Alerter
from sitemon.alert.asker import Asker
from sitemon.alert.decide import Decider
from sitemon.alert.maintenance import Planner
from sitemon.alert.named_channels import NamedChannels
from sitemon.alert.rules import Rulebook
from sitemon.alert.status import StatusTeller, states_producer
from sitemon.celery_settings import sending_app
from sitemon.cli import options
from sitemon.cli.main import run
from sitemon.cli.signals import stop_on_signals
from sitemon.config.alerts_watcher import AlertsWatcher
from sitemon.config.servers import (
    KafkaServer,
    database_credentials,
    is_kafka_configured,
    is_redis_configured,
    kafka_server,
    postgres_server,
    redis_server,
)
from sitemon.config.settings import PUBLIC, settings
from sitemon.config.sites_watcher import sites_watcher
from sitemon.model.alerts import Alerts
from sitemon.store.connect import connect
from sitemon.store.postgres_clock import PostgresClock
from sitemon.stream.producer import Producer
from sitemon.stream.topics import ensure_topics, topics_of

log = logging.getLogger(__name__)


@click.command("alerter")
@options.db_conn
@options.kafka
@options.database
def command(db_conn: str | None, kafka: str | None, database: str | None) -> None:
    """Decide which sites are down, and send alerts as alerts.yaml says. Run as many as you like: they share the work.

    Thresholds and labels come from the sites, channels and routes from alerts.yaml. Edits of both are taken up.
    Where Kafka is configured, topic sitemon.status is told of each change of a site's state; without it alerts go on.
    """
    server, owner, choices = postgres_server(db_conn), database_credentials(database), settings(os.environ)
    alerts, sites = AlertsWatcher(), sites_watcher()
    stream = kafka_server(kafka) if kafka or is_kafka_configured() else None

    named = NamedChannels(sites.current(), alerts.current())
    postgres_clock = PostgresClock()
    rulebook = Rulebook(sites.current().by_name, clock.utc_now())
    asker = _asker(rulebook, postgres_clock) if is_redis_configured() else None

    def current_alerts() -> Alerts:
        found = alerts.current()
        named.look(sites.without_waiting(), found)
        return found

    with stop_on_signals() as stop:
        if asker is None:
            log.warning("alerter.not_confirmed: no Redis is configured: failures wait for the scheduled checks")
        log.info("alerter.started: %s channels", len(alerts.current().channels))
        with _telling(stream) as teller:
            Alerter(
                lambda: connect(server, owner, application_name="sitemon-alerter"),
                planner=Planner(sites.without_waiting, postgres_clock.utc_now),
                rulebook=rulebook,
                decider=Decider(
                    rulebook.rules_of,
                    alerts.current(),
                    postgres_clock.utc_now,
                    by_sites=choices.address_policy != PUBLIC,
                ),
                asker=asker,
                teller=teller,
                alerts=current_alerts,
                postgres_clock=postgres_clock,
                stop=stop,
            ).run()


def _asker(rulebook: Rulebook, postgres_clock: PostgresClock) -> Asker:
    app = sending_app(redis_server(), settings(os.environ).region, os.environ)
    return Asker(app, rulebook.file_of, postgres_clock.utc_now)


@contextmanager
def _telling(stream: KafkaServer | None) -> Iterator[StatusTeller | None]:
    """Give who tells sitemon.status for the length of the block; None where no Kafka is configured."""
    if stream is None:
        log.info("alerter.status_untold: no Kafka is configured, so nobody is told of the states of sites there")
        yield None
        return
    retention_days = settings(os.environ).topic_retention_days

    def make_producer() -> Producer:
        # A topic that a broker makes by itself would not be compacted.
        ensure_topics(stream, retention_days=retention_days)
        return states_producer(stream)

    with closing(StatusTeller(make_producer, topics_of(stream).status)) as teller:
        yield teller


def main() -> None:
    """Run ``sitemon-alerter``."""
    run(command)
