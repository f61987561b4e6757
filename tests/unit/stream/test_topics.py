"""The topics of one installation go by the name of the configured one."""

import pytest

from sitemon.config.servers import KafkaServer
from sitemon.model.errors import RefusedError, UnreachableError
from sitemon.stream.topics import Topics, failure_to_create, topics_of

NO_CONTROLLER = {"name": "a", "error_code": 41, "error_message": "no controller"}
NOT_ALLOWED = {"name": "b", "error_code": 29, "error_message": None}


@pytest.mark.parametrize(("topic", "prefix"), [("acme.web.results", "acme.web"), ("acme.checks", "acme.checks")])
def test_the_other_topics_begin_like_it(topic: str, prefix: str) -> None:
    assert topics_of(KafkaServer(client={}, topic=topic)) == Topics(
        results=topic,
        schedule=f"{prefix}.schedule",
        dead_letters=f"{prefix}.dead-letters",
        marks=f"{prefix}.marks",
        status=f"{prefix}.status",
    )


@pytest.mark.parametrize(
    ("failed", "kind", "reasons"),
    [
        ([NO_CONTROLLER], UnreachableError, r"a \(no controller\)"),
        ([NOT_ALLOWED], RefusedError, r"b \(.*[Aa]uthoriz.*\)"),
        ([NO_CONTROLLER, NOT_ALLOWED], RefusedError, r"a \(no controller\), b \(.*\)"),
    ],
)
def test_a_topic_that_cannot_be_made_yet_is_waited_for_and_a_forbidden_one_is_refused(
    failed: list[dict[str, object]], kind: type[Exception], reasons: str
) -> None:
    with pytest.raises(kind, match=f"^topics are missing and cannot be created: {reasons}$"):
        raise failure_to_create(failed) or AssertionError("nothing failed")


def test_nothing_failed() -> None:
    assert failure_to_create([]) is None
