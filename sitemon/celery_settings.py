"""Celery's settings: sitemon's own defaults, and over them those of the user's module.

Both are merged into one mapping before the application sees them, for a default given in any other way wins over
the user's module.
"""

import importlib.util
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, Final

from celery import Celery
from celery.app.defaults import _TO_NEW_KEY  # type: ignore[attr-defined]  # celery-types does not know it
from celery.schedules import crontab
from kombu import Queue

from sitemon.config.servers import RedisServer
from sitemon.model.errors import ConfigurationError, Mistake
from sitemon.queues import CHECK_SITE, CHECK_SLOTS, queue_of
from sitemon.redis_client import SOCKET_TIMEOUT_S

MANAGE_QUEUE: Final = "sitemon.manage"
MANAGING_REGION: Final = "default"
USER_MODULE: Final = "celeryconfig"
VISIBILITY_TIMEOUT_S: Final = 6
"""How soon a dead worker's messages come back: a site of 10 s must still be checked in time. A living worker renews
its messages every 1.5 s, so the time that a task takes does not matter."""


def celery_settings(server: RedisServer, region: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what the application is configured with.

    Where a setting is a mapping or a list, both sides' entries count, so that a user who adds one drops none of ours.
    """
    ours, theirs = defaults(server, region), user_settings(environ)
    return ours | {name: _both(name, ours.get(name), value) for name, value in theirs.items()}


def sending_app(server: RedisServer, region: str, environ: Mapping[str, str]) -> Celery:
    """Return an application for those who send to workers and are none.

    Raises:
        ConfigurationError: as `user_settings` says.

    """
    app = Celery("sitemon", set_as_current=False)
    app.config_from_object(celery_settings(server, region, environ))
    return app


def _both(name: str, ours: Any, theirs: Any) -> Any:
    if name == "task_queues":
        return ours | _by_name(theirs)
    if name == "include":
        return [*ours, *_as_list(theirs)]
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours | theirs
    if name == "task_routes":
        return [*_as_list(theirs), ours]
    return theirs


def _by_name(queues: Any) -> dict[str, Any]:
    return queues if isinstance(queues, dict) else {queue.name: queue for queue in queues or ()}


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple | set) else [value]


def user_settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings of `celeryconfig.py` in the working folder, or of the module in CELERY_CONFIG_MODULE.

    Raises:
        ConfigurationError: it cannot be imported, or sitemon cannot work with what it sets.

    """
    name = environ.get("CELERY_CONFIG_MODULE")
    if name is None and importlib.util.find_spec(USER_MODULE) is None:
        return {}
    module = _imported(name or USER_MODULE)
    given = {key: value for key, value in vars(module).items() if not key.startswith("_")}
    file = str(module.__file__ or module.__name__)
    mistakes = [Mistake(file, None, setting, problem) for setting, problem in _problems(given)]
    if mistakes:
        raise ConfigurationError(mistakes)
    return {key: value for key, value in given.items() if key.islower()}


def _problems(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each setting that cannot be honoured, with what was expected."""
    if not str(given.get("broker_url", "redis://")).startswith(("redis://", "rediss://")):
        yield "broker_url", "expected redis://host:port/number, or rediss:// for TLS: the beats' lease is there too"
    for name in ("broker_read_url", "broker_write_url"):
        if given.get(name):
            yield name, "expected broker_url: the beats' lease is there too"
    if (given.get("broker_transport_options") or {}).get("global_keyprefix"):
        yield "broker_transport_options", "expected no global_keyprefix: give sitemon a number of Redis of its own"
    if given.get("task_protocol", 2) != 2:
        yield "task_protocol", "expected 2: workers take no other"
    queues = given.get("task_queues") or ()
    if not all(isinstance(queue, str if isinstance(queues, Mapping) else Queue) for queue in queues):
        yield "task_queues", "expected a list of kombu.Queue, or a mapping of names to their options"
    for old, new in _TO_NEW_KEY.items():
        if old in given and new not in given:
            yield old, f"expected {new}: settings are in lower case"


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except SyntaxError as exc:
        raise ConfigurationError(
            [Mistake(exc.filename or name, exc.lineno, "", f"not valid Python: {exc.msg}")]
        ) from exc
    except Exception as exc:  # it is the user's code
        problem = f"cannot be imported: {type(exc).__name__}: {exc}"
        raise ConfigurationError([Mistake(name, None, "", problem)]) from exc


def defaults(server: RedisServer, region: str) -> dict[str, Any]:
    """Return sitemon's own settings for a worker of this region."""
    return {
        **_redis(server),
        **_queues(region),
        "include": ["sitemon.tasks"],
        "worker_pool": "threads",
        "worker_concurrency": 500,
        "worker_prefetch_multiplier": 1,
        "worker_consumer": "sitemon.worker.consumer:Consumer",
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_publish_retry_policy": {"max_retries": 3, "interval_start": 0.1, "interval_step": 0.2},
        "result_expires": 3_600,
        "worker_send_task_events": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "timezone": "UTC",
        "beat_scheduler": "sitemon.schedule.beat:SiteScheduler",
        "beat_schedule": {
            "sitemon.maintain": {
                "task": "sitemon.maintain",
                "schedule": crontab(minute="7"),
                "options": {"queue": MANAGE_QUEUE, "expires": 3_000},
            }
        },
    }


def _queues(region: str) -> dict[str, Any]:
    queue = queue_of(region)
    consumed = [queue, MANAGE_QUEUE] if region == MANAGING_REGION else [queue]
    return {
        "task_default_queue": queue,
        "task_queues": {name: {} for name in consumed},
        "task_create_missing_queues": True,
        "task_routes": {
            **{name: {"queue": queue} for name in (CHECK_SITE, CHECK_SLOTS)},
            **{name: {"queue": MANAGE_QUEUE} for name in ("sitemon.provision", "sitemon.maintain")},
        },
    }


def _redis(server: RedisServer) -> dict[str, Any]:
    sockets = {"socket_timeout": SOCKET_TIMEOUT_S, "socket_connect_timeout": SOCKET_TIMEOUT_S, "socket_keepalive": True}
    settings = {
        "broker_url": server.url,
        "result_backend": server.url,
        "broker_transport_options": {
            **sockets,
            "health_check_interval": 5,
            "visibility_timeout": VISIBILITY_TIMEOUT_S,
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
            "unacked_mutex_expire": 5,
        },
        "redis_socket_timeout": SOCKET_TIMEOUT_S,
        "redis_socket_connect_timeout": SOCKET_TIMEOUT_S,
        "redis_socket_keepalive": True,
        "redis_backend_health_check_interval": 5,
    }
    if server.url.startswith("rediss://"):
        tls = {
            "ssl_cert_reqs": "required",
            "ssl_ca_certs": server.ssl_cafile,
            "ssl_certfile": server.ssl_certfile,
            "ssl_keyfile": server.ssl_keyfile,
        }
        settings |= {"broker_use_ssl": tls, "redis_backend_use_ssl": tls}
    return settings
