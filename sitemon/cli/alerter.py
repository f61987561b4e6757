"""``sitemon-alerter``: decides which sites are down, and tells who wants to know."""

import logging
import os

import click

from sitemon import clock
from sitemon.alert.alerter import Alerter
from sitemon.alert.asker import Asker
from sitemon.alert.decide import Decider, SiteRules, rules_of_site
from sitemon.alert.maintenance import Planner
from sitemon.celery_settings import sending_app
from sitemon.cli import options
from sitemon.cli.main import run
from sitemon.cli.signals import stop_on_signals
from sitemon.config.alerts_watcher import AlertsWatcher
from sitemon.config.servers import database_credentials, is_redis_configured, postgres_server, redis_server
from sitemon.config.settings import settings
from sitemon.config.sites_watcher import sites_watcher
from sitemon.store.connect import connect

log = logging.getLogger(__name__)


@click.command("alerter")
@options.db_conn
@options.database
def command(db_conn: str | None, database: str | None) -> None:
    """Decide which sites are down, and send alerts as alerts.yaml says. Run as many as you like: they share the work.

    Thresholds and labels come from the sites, channels and routes from alerts.yaml. Edits of both are taken up.
    """
    server, owner = postgres_server(db_conn), database_credentials(database)
    alerts, sites = AlertsWatcher(), sites_watcher()
    asker = _asker(alerts) if is_redis_configured() else None

    def rules_of(name: str) -> SiteRules:
        by_name = sites.current().by_name
        return rules_of_site(by_name.get(name), by_name)

    with stop_on_signals() as stop:
        if asker is None:
            log.warning("alerter.not_confirmed: no Redis is configured: failures wait for the scheduled checks")
        log.info("alerter.started: %s channels", len(alerts.current().channels))
        Alerter(
            lambda: connect(server, owner, application_name="sitemon-alerter"),
            planner=Planner(sites.current, clock.utc_now),
            decider=Decider(rules_of, alerts.current(), clock.utc_now),
            asker=asker,
            alerts=alerts.current,
            stop=stop,
        ).run()


def _asker(alerts: AlertsWatcher) -> Asker:
    app = sending_app(redis_server(), settings(os.environ).region, os.environ)
    return Asker(app, lambda: alerts.current().references)


def main() -> None:
    """Run ``sitemon-alerter``."""
    run(command)
