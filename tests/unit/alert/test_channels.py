"""What is sent: signed as the Standard Webhooks specification has it."""

import json
import uuid
from datetime import UTC, datetime

from sitemon.alert.channels import request_of, signature, target_of
from sitemon.alert.events import test_event as event_of_a_test
from sitemon.model.alerts import Channel


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of its reference libraries: id, timestamp, body and key in base64 MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw.
    key = bytes.fromhex("31f290f6bf06298aab4f08d43c3f082cf648a362da2da4b0")
    found = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_another_address_is_another_receiver() -> None:
    one, other = (Channel(name="hook", kind="webhook", url=f"https://hooks.example/{path}") for path in "ab")
    assert target_of(one) != target_of(other)
    assert target_of(one) == target_of(Channel(name="renamed", kind="webhook", url=one.url))


def test_no_label_of_a_site_keeps_its_alert_from_alertmanager() -> None:
    now = datetime(2026, 11, 24, 7, tzinfo=UTC)
    event = event_of_a_test(now, uuid.UUID(int=1))
    labels = {"team": "web", "ä": "x", "a-b": "x", "a.b": "x", "9": "nine", "a\nb": "x", "": "x"}
    channel = Channel(name="am", kind="alertmanager", url="http://am.example/")
    request = request_of(channel, {**event, "data": {**event["data"], "labels": labels}}, now)
    (alert,) = json.loads(request.body)
    assert {name: value for name, value in alert["labels"].items() if name.startswith("label_")} == {
        "label_team": "web",
        "label_9": "nine",
    }
