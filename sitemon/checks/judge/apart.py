"""Judging responses in a process apart, where that may take long: no other check waits for it.

How long it takes to decompress a body, to read it as text and JSON, and to search it, is chosen by its server and by
the owner of its site. In a thread it would stop all checks: decoding and JSON paths hold Python's lock.
"""

import contextlib
import functools
import logging
import pickle
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from sitemon.checks.errors import OwnError
from sitemon.checks.fair_threads import FairThreads
from sitemon.checks.judge.apart_process import LENGTH_BYTES, MOST_MEMORY_BYTES, OUT_OF_MEMORY, TOO_COSTLY
from sitemon.checks.judge.expect import Verdict
from sitemon.checks.judge.question import Question
from sitemon.checks.waiting import Event, Waits
from sitemon.model.outcome import Reason
from sitemon.per_process import once_per_process
from sitemon.python_command import command_of, module_path

log = logging.getLogger(__name__)

_LONGEST_WAIT_S: Final = 10.0
_IDLE_S: Final = 60.0
_MOST_HELD_BYTES: Final = MOST_MEMORY_BYTES // 4
"""What is judged next may take the rest. A process that has judged nothing yet holds 48 MiB."""

_verdicts: Final = msgspec.msgpack.Decoder(Verdict)


async def judged(question: Question, waits: Waits) -> Verdict:
    """Return what the response means, from the process apart.

    Raises:
        OwnError: it was not judged in time, or could not be.

    """
    case = Case(question, waits.event())
    _judge_of_process().take(question.site.file, question.site.name, case)
    try:
        await case.is_decided.wait(_LONGEST_WAIT_S)
        verdict = case.verdict
    finally:
        case.give_up()
    if verdict is None:
        raise OwnError(Reason.TIMEOUT, "this process had too much to do to judge the response")
    return verdict


class Case(msgspec.Struct, eq=False):
    """A question that waits for its verdict, as long as that is wanted."""

    question: Question
    is_decided: Event
    is_wanted: bool = True
    verdict: Verdict | None = None

    def give_up(self) -> None:
        """Want no verdict any more; the body, which may be long, is not kept until its turn."""
        self.is_wanted = False
        self.question = self.question._replace(page=self.question.page._replace(body=()))


@contextlib.contextmanager
def _judging() -> Iterator[Callable[[Case], None]]:
    process = JudgeProcess()
    try:
        yield functools.partial(_judge, process)
    finally:
        process.end()


def _judge(process: "JudgeProcess", case: Case) -> None:
    try:
        case.verdict = process.judge(case.question)
    except Exception:
        # Without its thread no case would ever be decided.
        log.exception("judge.failed: a response of %s is not judged", case.question.site.name)
    case.is_decided.set()


@once_per_process
def _judge_of_process() -> FairThreads[Case]:
    """Return the thread that hands one case after the other to a process; both are there while there is a case."""
    return FairThreads("sitemon-judge", _judging, _IDLE_S)


class JudgeProcess:
    """A process that runs `sitemon.checks.judge.apart_process`, started when it is needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def judge(self, question: Question) -> Verdict:
        """Return the verdict. If the process dies of the question twice, that is the verdict.

        So it is if one that was started for it has too little memory: in another, questions before may have kept some.
        One that keeps much is ended: a decompressor that has too little memory says that the page is broken.

        Raises:
            OSError: no process can be started.

        """
        for _ in range(2):
            is_fresh = self._process is None
            self._process = self._process or _started()
            with contextlib.suppress(BrokenPipeError, EOFError):
                verdict = _asked(self._process, question)
                if _held_bytes(self._process) > _MOST_HELD_BYTES:
                    self.end()
                return verdict
            status = self.end()
            if status == -signal.SIGPROF or (status == OUT_OF_MEMORY and is_fresh):
                break
        return TOO_COSTLY

    def end(self) -> int | None:
        """End the process, if there is one; return its status, or the negative number of the signal that it died of."""
        process, self._process = self._process, None
        if process is None:
            return None
        with process, contextlib.suppress(BrokenPipeError):
            assert process.stdin is not None  # noqa: S101 - it is a pipe
            process.stdin.close()  # at which it ends
        return process.returncode


def _asked(process: subprocess.Popen[bytes], question: Question) -> Verdict:
    to_process, from_process, body = process.stdin, process.stdout, question.page.body
    assert to_process is not None  # noqa: S101 - they are pipes
    assert from_process is not None  # noqa: S101
    head = pickle.dumps(question._replace(page=question.page._replace(body=())))
    to_process.write(_length(len(head)) + head + _length(sum(map(len, body))))
    to_process.writelines(body)
    to_process.flush()
    length = from_process.read(LENGTH_BYTES)
    if not length:
        raise EOFError
    return _verdicts.decode(from_process.read(int.from_bytes(length)))


def _held_bytes(process: subprocess.Popen[bytes]) -> int:
    """Return how much address space a process holds, on Linux: proc(5)."""
    try:
        pages = Path(f"/proc/{process.pid}/statm").read_text().split()[0]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()


def _length(count: int) -> bytes:
    return count.to_bytes(LENGTH_BYTES)


def _started() -> subprocess.Popen[bytes]:
    """Start the process in a group of its own, since Ctrl-C is for us, and without our environment and its secrets."""
    return subprocess.Popen(  # noqa: S603 - our own module
        command_of("sitemon.checks.judge.apart_process"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": module_path()},
        start_new_session=True,
    )
