"""What somebody may put into Redis in the place of Celery's messages: JSON, as kombu reads it."""

import base64
import json
import uuid
from typing import Any

AFTERWARDS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
SHOP = [["shop"], {}, AFTERWARDS]


def a_message(
    body: object = SHOP,
    *,
    headers: dict[str, object] | None = None,
    properties: dict[str, object] | None = None,
    content_type: object = "application/json",
) -> str:
    """Return the message of a check of the site ``shop``, which is good unless it is told otherwise."""
    task_id = str(uuid.uuid4())
    written = body if isinstance(body, bytes) else json.dumps(body).encode()
    message: dict[str, Any] = {
        "body": base64.b64encode(written).decode(),
        "content-encoding": "utf-8",
        "content-type": content_type,
        "headers": {
            "lang": "py",
            "task": "sitemon.check_site",
            "id": task_id,
            "root_id": task_id,
            "parent_id": None,
            "group": None,
            "retries": 0,
            "timelimit": [None, None],
            "eta": None,
            "expires": None,
            **(headers or {}),
        },
        "properties": {
            "correlation_id": task_id,
            "reply_to": "",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "checks.default"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
            **(properties or {}),
        },
    }
    return json.dumps(message)


def of_protocol_1(**fields: object) -> str:
    """Return the message of a check as Celery 3 wrote it: headers are none, and the body says everything."""
    body = {"task": "sitemon.check_site", "id": str(uuid.uuid4()), "args": ["shop"], "kwargs": {}} | fields
    return json.dumps(json.loads(a_message(body)) | {"headers": {}})


def nested(depth: int) -> object:
    """Return lists in lists."""
    return json.loads("[" * depth + "]" * depth)


def of_slots(*slots: object, task: str = "sitemon.check_slots") -> str:
    """Return the message of a batch."""
    return a_message([[slots], {}, AFTERWARDS], headers={"task": task})


def a_decimal(text: str) -> dict[str, str]:
    """Return how kombu writes a Decimal in JSON."""
    return {"__type__": "decimal", "__value__": text}
