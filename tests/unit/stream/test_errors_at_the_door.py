"""Every exception that kafka-python has becomes one of ours, and says what to do."""

import inspect

import pytest
from kafka import errors

from sitemon.model.errors import PoisonError, RefusedError, RetryableError, SitemonError, UnreachableError
from sitemon.stream.errors import kafka_errors, model_error, words

VENDOR = sorted(
    (kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.KafkaError)),
    key=lambda kind: kind.__name__,
)
WRONG_CLOCK = "the broker refuses our timestamps: is a clock wrong, that of this machine or the broker's?"


@pytest.mark.parametrize("kind", VENDOR, ids=lambda kind: kind.__name__)
def test_every_kafka_error_has_one_of_ours(kind: type[Exception]) -> None:
    with pytest.raises((UnreachableError, RefusedError, PoisonError)):
        raise model_error(_an_instance(kind))


def test_the_list_of_kafka_errors_is_not_empty() -> None:
    assert len(VENDOR) > 100


@pytest.mark.parametrize("kind", [kind for kind in VENDOR if issubclass(kind, errors.RetriableError)])
def test_what_kafka_calls_retriable_is_retried(kind: type[Exception]) -> None:
    assert isinstance(model_error(_an_instance(kind)), RetryableError)


@pytest.mark.parametrize(
    ("exc", "ours", "text"),
    [
        (errors.SaslAuthenticationFailedError("Invalid username"), RefusedError, "Invalid username"),
        (errors.TopicAuthorizationFailedError("t"), RefusedError, "t"),
        (errors.MessageSizeTooLargeError("big"), PoisonError, "too_large: big"),
        (errors.InvalidRecordError("bad"), PoisonError, "invalid_record: bad"),
        (errors.InvalidTimestampError("out of range"), UnreachableError, WRONG_CLOCK),
        (errors.InvalidRecordError("Timestamp 1 of message 0 is out of range"), UnreachableError, WRONG_CLOCK),
        (errors.KafkaTimeoutError("Unable\nto bootstrap"), UnreachableError, "Unable to bootstrap"),
        (errors.InvalidReplicationFactorError("only 1 broker"), RefusedError, "only 1 broker"),
        (errors.InvalidReplicationFactorError("brokers are fenced"), UnreachableError, "brokers are fenced"),
        (errors.UnsupportedSaslMechanismError(), RefusedError, errors.UnsupportedSaslMechanismError.description),
    ],
)
def test_an_error_keeps_the_words_in_one_line(exc: Exception, ours: type[SitemonError], text: str) -> None:
    assert (type(model_error(exc)), str(model_error(exc))) == (ours, text)


def test_the_innermost_words_are_those_of_the_system() -> None:
    assert words(errors.KafkaConnectionError(ConnectionResetError(104, "Connection reset by peer"))) == (
        "[Errno 104] Connection reset by peer"
    )


def test_an_error_names_its_topic_and_its_cause() -> None:
    with (
        pytest.raises(UnreachableError, match=r"^topic sitemon.results: gone$") as caught,
        kafka_errors("sitemon.results"),
    ):
        raise errors.KafkaTimeoutError("gone")
    assert isinstance(caught.value.__cause__, errors.KafkaTimeoutError)


def test_a_mistake_of_ours_is_not_taken_for_one_of_kafka() -> None:
    with pytest.raises(TypeError), kafka_errors():
        raise TypeError("a str for bytes")


def _an_instance(kind: type[Exception]) -> Exception:
    parameters = inspect.signature(kind.__init__).parameters.values()
    required = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    return kind(*[{}] * (len(required) - 1))
