"""The errors, as a tree. What a caller does with one follows from its base.

SitemonError
├── RetryableError        the same call may succeed later
│   ├── UnreachableError      a server does not answer
│   ├── LeaseLostError        this beat leads no longer
│   └── SpoolFullError        results can be kept neither by Kafka nor by the spool
│       └── NoRoomError           and nothing of them is
├── PoisonError           this one record can never succeed; it goes to the dead letters
└── FatalError            only a person can mend it: commands end with exit status 2
    ├── ConfigurationError    wrong configuration, with every mistake found
    └── RefusedError          a server answered and refuses us (password, TLS, rights)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sitemon.model.one_line import printable

_DETAIL_MAX: Final = 200


class SitemonError(Exception):
    """An error of sitemon's own."""


class RetryableError(SitemonError):
    """The same call may succeed later."""


class UnreachableError(RetryableError):
    """A server does not answer."""


class LeaseLostError(RetryableError):
    """This beat leads no longer."""


class SpoolFullError(RetryableError):
    """Results can be kept neither by Kafka nor by the spool."""


class NoRoomError(SpoolFullError):
    """Neither Kafka nor the spool takes what was offered, and nothing of it is published."""


class PoisonError(SitemonError):
    """This one record can never succeed. `reason` is a short word for the dead letter's header.

    `detail` may quote the record, whoever wrote that: it is made one short line that does nothing to a terminal.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = printable(detail[:_DETAIL_MAX], "\ufffd")

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


class FatalError(SitemonError):
    """Only a person can mend it."""


class RefusedError(FatalError):
    """A server answered and refuses us."""


@dataclass(frozen=True)
class Mistake:
    """One mistake in the configuration: where it is and what was expected there.

    `file` is a file or a variable of the environment; empty for what was said on a command line or in a call.
    """

    file: str
    line: int | None
    field: str
    problem: str

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return ": ".join(part for part in (place, self.field, self.problem) if part)


class ConfigurationError(FatalError):
    """Wrong configuration; `mistakes` holds every mistake.

    Its text is one line: the first mistake and how many more `sitemon lint` tells; all of them where that cannot know
    of them, because they are in no file.
    """

    def __init__(self, mistakes: Sequence[Mistake] | str) -> None:
        """Take the mistakes, or the text alone, which is what Celery carries from a worker to who asked."""
        if isinstance(mistakes, str):
            mistakes = [Mistake("", None, "", mistakes)]
        self.mistakes = tuple(mistakes)
        super().__init__(_in_one_line(self.mistakes))


def _in_one_line(mistakes: Sequence[Mistake]) -> str:
    first, *others = mistakes
    if not others:
        return str(first)
    if not first.file:
        return "; ".join(map(str, mistakes))
    return f"{first} ({len(others)} more: sitemon lint)"
