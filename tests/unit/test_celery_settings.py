"""What becomes of a user's own settings of Celery: they win, they drop none of ours, or they are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu import Queue

from sitemon.celery_settings import celery_settings
from sitemon.config.servers import RedisServer
from sitemon.model.errors import ConfigurationError

Settings = Callable[..., dict[str, Any]]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings beside a user's module of this content."""
    name = f"celery_module_of_{tmp_path.name}"
    monkeypatch.syspath_prepend(str(tmp_path))

    def settings(content: str, region: str = "default") -> dict[str, Any]:
        (tmp_path / f"{name}.py").write_text(content)
        return celery_settings(RedisServer(url="redis://redis.example/0"), region, {"CELERY_CONFIG_MODULE": name})

    return settings


def app_with(settings: dict[str, Any]) -> Celery:
    app = Celery(set_as_current=False)
    app.config_from_object(settings)
    return app


@pytest.mark.parametrize("included", ["['ours.tasks']", "('ours.tasks',)", "'ours.tasks'"])
def test_modules_of_tasks_come_beside_ours(settings: Settings, included: str) -> None:
    assert app_with(settings(f"include = {included}")).conf.include == ["sitemon.tasks", "ours.tasks"]


@pytest.mark.parametrize(
    "queues", ["[Queue('mail')]", "(Queue('mail'),)", "{'mail': {}}", "{'mail': Queue('mail', routing_key='mail')}"]
)
@pytest.mark.parametrize(("region", "ours"), [("default", ["checks.default", "sitemon.manage"]), ("eu", ["checks.eu"])])
def test_queues_come_beside_ours(settings: Settings, queues: str, region: str, ours: list[str]) -> None:
    app = app_with(settings(f"from kombu import Queue\ntask_queues = {queues}", region))
    assert sorted(app.amqp.queues.consume_from) == sorted([*ours, "mail"])
    assert isinstance(app.amqp.queues["mail"], Queue)


@pytest.mark.parametrize(
    "routes",
    [
        "{'mail.send': {'queue': 'mail'}}",
        "[{'mail.*': {'queue': 'mail'}}]",
        "lambda name, *_, **__: {'queue': 'mail'} if name == 'mail.send' else None",
    ],
)
def test_routes_come_beside_ours(settings: Settings, routes: str) -> None:
    app = app_with(settings(f"task_default_queue = 'else'\ntask_routes = {routes}"))
    expected = {
        "mail.send": "mail",
        "sitemon.check_site": "checks.default",
        "sitemon.maintain": "sitemon.manage",
        "any": "else",
    }
    assert {name: app.amqp.router.route({}, name)["queue"].name for name in expected} == expected


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("broker_url = 'amqp://guest:secret@h//'", "broker_url: expected redis://host:port/number"),
        ("broker_read_url = 'redis://h/1'", "broker_read_url: expected broker_url"),
        ("broker_write_url = 'redis://h/1'", "broker_write_url: expected broker_url"),
        (
            "broker_transport_options = {'global_keyprefix': 'mine.'}",
            "broker_transport_options: expected no global_keyprefix",
        ),
        ("task_protocol = 1", "task_protocol: expected 2"),
        ("task_queues = ['mail']", "task_queues: expected a list of kombu.Queue"),
        ("task_queues = {1: {}}", "task_queues: expected a list of kombu.Queue"),
        ("CELERYD_CONCURRENCY = 4", "CELERYD_CONCURRENCY: expected worker_concurrency"),
    ],
)
def test_what_cannot_be_honoured_is_refused(settings: Settings, content: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(content)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_what_an_upper_case_name_is_for_is_its_modules_own_matter(settings: Settings) -> None:
    assert settings("BROKER_URL = HOST = 'redis://h/1'\nbroker_url = HOST")["broker_url"] == "redis://h/1"
