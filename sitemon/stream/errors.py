"""The door at which kafka-python's exceptions end: each becomes one of `sitemon.model.errors`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kafka import errors

from sitemon.model.errors import PoisonError, RefusedError, SitemonError, UnreachableError

_POISON: Final[dict[type[Exception], str]] = {
    errors.MessageSizeTooLargeError: "too_large",
    errors.RecordListTooLargeError: "too_large",
    errors.InvalidRecordError: "invalid_record",
}

_WRONG_CLOCK: Final = "the broker refuses our timestamps: is a clock wrong, that of this machine or the broker's?"

_REFUSED: Final = (
    errors.AuthorizationError,
    errors.SaslAuthenticationFailedError,
    errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError,
    errors.SecurityDisabledError,
    errors.UnsupportedVersionError,
    errors.KafkaConfigurationError,
    errors.PolicyViolationError,
    errors.InvalidTopicError,
    errors.InvalidPartitionsError,
    errors.InvalidReplicationFactorError,
    errors.InvalidConfigurationError,
    errors.InvalidGroupIdError,
)


def model_error(exc: Exception, topic: str = "") -> SitemonError:
    """Return the error of the model that says what to do about one of kafka-python's; its text names the topic.

    What is neither poison nor a refusal is taken to pass: a retry that never succeeds is seen in the log, a record
    given up by mistake is gone. A timestamp is the clock's fault, not the record's: it is another one at each try.
    """
    is_of_a_clock = _is_of_a_clock(exc)
    for kind, reason in _POISON.items():
        if isinstance(exc, kind) and not is_of_a_clock:
            return PoisonError(reason, words(exc))
    said = _WRONG_CLOCK if is_of_a_clock else words(exc)
    text = f"topic {topic}: {said}" if topic else said
    return RefusedError(text) if isinstance(exc, _REFUSED) and not _is_starting(exc) else UnreachableError(text)


def _is_of_a_clock(exc: Exception) -> bool:
    """Whether the broker refused a timestamp; of several in a batch kafka-python has no more than the words."""
    is_record = isinstance(exc, errors.InvalidRecordError)
    return isinstance(exc, errors.InvalidTimestampError) or (is_record and words(exc).startswith("Timestamp "))


def _is_starting(exc: Exception) -> bool:
    """Whether there are too few brokers only because they have not reported to their controller yet, or are late."""
    return isinstance(exc, errors.InvalidReplicationFactorError) and "fenced" in words(exc)


@contextmanager
def kafka_errors(topic: str = "") -> Iterator[None]:
    """Turn what kafka-python raises inside the block into an error of the model. See `model_error`."""
    try:
        yield
    except errors.KafkaError as exc:
        raise model_error(exc, topic) from exc


def words(exc: BaseException) -> str:
    """Return the server's or the library's own words, in one line, without kafka-python's prefixes."""
    said = exc.args[0] if exc.args else None
    if isinstance(said, BaseException):
        return words(said)
    said_by_class = getattr(exc, "description", None) or type(exc).__name__
    text = said if isinstance(said, str) and said else str(exc) if said else said_by_class
    return " ".join(text.split())
