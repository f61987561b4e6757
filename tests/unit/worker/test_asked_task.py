"""What the message of an ad-hoc check tells outside its body."""

from celery import Celery
from kombu import Connection, Queue

from sitemon.queues import ASKED_AT
from sitemon.worker.adhoc import AskedTask


def ask(url: str) -> str:
    return url


def test_it_says_when_it_was_asked_for_and_hides_the_url() -> None:
    app = Celery(broker="memory://", set_as_current=False)
    task = app.task(name="ask", base=AskedTask)(ask)
    with Connection("memory://") as broker:
        queue = Queue("asked", channel=broker.default_channel)
        queue.declare()
        task.apply_async(("https://me:pass@shop.test/?key=word",), connection=broker, queue=queue.name)
        message = queue.get()
    assert message is not None
    assert "word" in str(message.body)
    assert ASKED_AT in message.headers
    assert not any(secret in str(message.headers) for secret in ("pass", "word", "shop"))
