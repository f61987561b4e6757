"""What several commands take: each spelt, explained and read in one place.

A file that is not given is read from where its reader looks for it; the names in the help are those of the readers.
"""

from typing import Any

import click

from sitemon.config.server_files import DB_ADMIN, KAFKA_SERVER, PG_SERVER, SITEMON_DB
from sitemon.config.values import UnfitError, duration_s


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return duration_s(value)
        except UnfitError as exc:
            self.fail(exc.problem, param, ctx)


DURATION = _Duration()
"""Seconds: given as a number of them, or as text such as 500ms, 30s, 5m."""

db_conn = click.option("--db-conn", metavar="FILE", help=f"Where PostgreSQL is.  [default: {PG_SERVER.file_name}]")
admin = click.option(
    "--admin", metavar="FILE", help=f"Who may make roles and databases.  [default: {DB_ADMIN.file_name}]"
)
kafka = click.option(
    "--kafka", "--kafka-conn", "kafka", metavar="FILE", help=f"Where Kafka is.  [default: {KAFKA_SERVER.file_name}]"
)
database = click.argument("database", metavar=f"[{SITEMON_DB.file_name}]", required=False)
match = click.option("--match", metavar="REGEX", help="An RE2 regex that must be found in the page.")
