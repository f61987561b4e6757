"""``sitemon-monitor``: check one site or several again and again, without Celery, over one Kafka connection."""

import logging
import os
import threading
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

import click

from sitemon import clock
from sitemon.checks.engine import Engine, Observation
from sitemon.checks.requests_engine import RequestsEngine
from sitemon.checks.result_of import result_of
from sitemon.cli.main import run
from sitemon.cli.signals import stop_on_signals
from sitemon.config.servers import kafka_server
from sitemon.config.settings import settings
from sitemon.config.sites import load_sites, site_from_fields
from sitemon.model.errors import UnreachableError
from sitemon.model.moment import from_ms
from sitemon.model.result import Kind, Result
from sitemon.model.site import Site
from sitemon.schedule.plan import Plan, Watch
from sitemon.stream.messages import result_record
from sitemon.stream.publisher import Publisher, publisher_of_this_process
from sitemon.stream.topics import Topics, ensure_topics, topics_of

log = logging.getLogger(__name__)
