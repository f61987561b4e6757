"""What a worker refuses though Celery takes it: by its task, when it is due, how many are, how deep it is nested."""

from datetime import UTC, datetime, timedelta

import pytest

from sitemon.worker.consumer import FARTHEST, MOST_WAITING, refuse
from sitemon.worker.redis_channel import look_into
from tests.celery_messages import nested

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OURS = ["sitemon.check_site", "celery.chord_unlock", "celery.backend_cleanup"]


@pytest.mark.parametrize("task", ["celery.chord_unlock", "celery.map", "celery.chunks", "celery.group", "celery.any"])
def test_tasks_of_celery_where_no_task_of_an_application_needs_them(task: str) -> None:
    with pytest.raises(ValueError, match="no task of this worker has a use for it"):
        refuse(task, None, OURS, NOW, 0)
    refuse(task, None, [*OURS, "shop.send_mail"], NOW, 0)
    refuse("celery.backend_cleanup", None, OURS, NOW, 0)


@pytest.mark.parametrize(
    "eta", [(NOW + FARTHEST + timedelta(seconds=1)).isoformat(), "2026-11-24T13:00:01", "9999-12-31T23:59:59-14:00"]
)
@pytest.mark.parametrize("task", ["sitemon.check_site", "celery.backend_cleanup"])
def test_tasks_of_ours_that_are_asked_for_far_ahead(task: str, eta: str) -> None:
    with pytest.raises(ValueError, match="more than an hour ahead"):
        refuse(task, eta, OURS, NOW, 0)
    refuse("shop.send_mail", eta, [*OURS, "shop.send_mail"], NOW, 0)


@pytest.mark.parametrize("task", ["sitemon.check_site", "celery.backend_cleanup"])
def test_tasks_of_ours_that_are_asked_for_ahead_while_thousands_wait(task: str) -> None:
    soon = (NOW + timedelta(seconds=1)).isoformat()
    with pytest.raises(ValueError, match="it is asked for ahead, and so are 2,000"):
        refuse(task, soon, OURS, NOW, MOST_WAITING)
    refuse(task, soon, OURS, NOW, MOST_WAITING - 1)
    for eta in (None, NOW.isoformat()):
        refuse(task, eta, OURS, NOW, MOST_WAITING)
    refuse("shop.send_mail", soon, [*OURS, "shop.send_mail"], NOW, MOST_WAITING)


@pytest.mark.parametrize("eta", [None, "", (NOW + FARTHEST).isoformat(), "0001-01-01T00:00:00+14:00"])
def test_not_those_of_soon(eta: str | None) -> None:
    refuse("sitemon.maintain", eta, OURS, NOW, 0)


def test_what_is_nested_deeply() -> None:
    look_into({"headers": {"any": nested(40)}})
    for deep in (nested(60), {"a": {"b": nested(60)}}, nested(900)):
        with pytest.raises(ValueError, match="nested too deeply"):
            look_into(deep)
