"""The process that judges responses for another one; see apart.py."""

import os
import pickle
import resource
import signal
import sys
from typing import BinaryIO, Final

import msgspec

from sitemon.checks.findings import Failure
from sitemon.checks.judge.expect import Verdict
from sitemon.checks.judge.question import Question, verdict_on
from sitemon.model.outcome import Reason

LENGTH_BYTES: Final = 8
OUT_OF_MEMORY: Final = 3
"""The status with which the process ends when it has none left: what others had judged there may have kept it."""

_MOST_CPU_S: Final = 2.0
"""One response may take so much."""
MOST_MEMORY_BYTES: Final = 1 << 30
_NICE: Final = 5

TOO_COSTLY: Final = Verdict(
    (
        Failure(
            Reason.NO_MATCH,
            f"to compare the response with what is expected takes over {_MOST_CPU_S:g} s of CPU or 1 GiB of memory",
        ),
    ),
    None,
)


def main() -> None:
    """Answer one question after the other until there are no more, or no memory is left.

    The kernel ends the process when a question takes too much CPU. No signal ends it before its parent: one to both
    would make a finding of our own end.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGPROF,))
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    status = 0
    try:
        _answer_all(sys.stdin.buffer, sys.stdout.buffer)
    except MemoryError:
        status = OUT_OF_MEMORY
    except BrokenPipeError:
        pass  # our parent was killed
    os._exit(status)  # to free what there is could take as long as the question may


def _answer_all(source: BinaryIO, sink: BinaryIO) -> None:
    while head := _part(source):
        question: Question = pickle.loads(head)  # noqa: S301 - it comes from our parent
        question = question._replace(page=question.page._replace(body=(_part(source),)))
        signal.setitimer(signal.ITIMER_PROF, _MOST_CPU_S)
        answer = msgspec.msgpack.encode(verdict_on(question))
        signal.setitimer(signal.ITIMER_PROF, 0)
        sink.write(len(answer).to_bytes(LENGTH_BYTES) + answer)
        sink.flush()


def _part(source: BinaryIO) -> bytes:
    return source.read(int.from_bytes(source.read(LENGTH_BYTES)))


if __name__ == "__main__":
    main()
