"""Messages that can never be recorded, onto their own topic; acknowledged there before their offsets are committed."""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from typing import Final

from sitemon.backoff import Backoff
from sitemon.model.errors import PoisonError, SitemonError
from sitemon.record.batch import Rejected, places
from sitemon.stream.dead_letters import SMALLER, WHOLE, dead_letter
from sitemon.stream.producer import Producer, Record, send_all

log = logging.getLogger(__name__)

_SEND_S: Final = 10.0
_CLOSE_S: Final = 2.0
_BACKOFF: Final = Backoff(first_s=0.5, longest_s=10.0)


class DeadLetters:
    """Sends to the topic of dead letters. Its producer is made when the first one comes, which may be never.

    A producer with a failed delivery is done with, so each new try has a new one.
    """

    def __init__(self, make_producer: Callable[[], Producer], topic: str) -> None:
        self._make_producer = make_producer
        self._topic = topic
        self._producer: Producer | None = None
        self._chance = random.Random()

    def send(self, rejected: Sequence[Rejected], stop: threading.Event) -> bool:
        """Return True once Kafka has acknowledged all of them, False when told to stop before.

        What was sent before a failure is sent again: a dead letter may be there twice, never not at all. Where Kafka
        never takes them so, less is kept of their values; where not even that, it is said where the messages lie.
        """
        first = rejected[0]
        why = f"{first.reason}: {first.detail}"
        log.warning(
            "recorder.dead_letters: %d messages cannot be recorded; the first is %s: %s",
            len(rejected),
            first.place,
            why,
        )
        problem: PoisonError | None = None
        for size in (WHOLE, *SMALLER):
            try:
                return self._send([dead_letter(self._topic, one.message, one.reason, size) for one in rejected], stop)
            except PoisonError as exc:
                problem = exc
        log.error(
            "recorder.not_put_aside: %s takes no letter of these %d messages; they lie only where they are: %s (%s)",
            self._topic,
            len(rejected),
            places([one.message for one in rejected]),
            problem,
        )
        return True

    def close(self) -> None:
        """Close the producer, if there is one."""
        if self._producer is not None:
            self._producer.close(_CLOSE_S)
            self._producer = None

    def _send(self, records: Sequence[Record], stop: threading.Event) -> bool:
        """Send them until Kafka has acknowledged all. Raises PoisonError: one of them it never takes."""
        tries = 0
        while not self._try_to_send(records, is_first=tries == 0):
            tries += 1
            if stop.wait(_BACKOFF.wait_s(tries, self._chance)):
                return False
        return True

    def _try_to_send(self, records: Sequence[Record], *, is_first: bool) -> bool:
        try:
            self._producer = self._producer or self._make_producer()
            if send_all(self._producer, records, _SEND_S):
                return True
            problem = f"no acknowledgement within {_SEND_S:g} s"
        except PoisonError:
            self.close()
            raise
        except SitemonError as exc:
            problem = str(exc)
        if is_first:
            log.warning("recorder.dead_letters_wait: %s is not acknowledged yet: %s", self._topic, problem)
        self.close()
        return False
