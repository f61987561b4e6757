"""Responses that take long to judge: a process apart does it, within bounds, and no other check waits."""

import contextlib
import gzip
import os
import queue
import resource
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from unittest.mock import Mock

import pytest

from sitemon.checks.engine.protocol import Engine
from sitemon.checks.errors import OwnError
from sitemon.checks.fair_threads import FairThreads
from sitemon.checks.findings import Observation
from sitemon.checks.http.page import Page
from sitemon.checks.judge import apart as module
from sitemon.checks.judge.apart import JudgeProcess, judged
from sitemon.checks.judge.apart_process import TOO_COSTLY
from sitemon.checks.judge.expect import Measured
from sitemon.checks.judge.question import Question, verdict_on
from sitemon.checks.waiting import IN_THREAD, run_here
from sitemon.local.behaviours import answering, response
from sitemon.local.conversation import Server
from sitemon.model.outcome import Outcome
from sitemon.model.site import Expect, ExpectedJson, Header, Site
from tests.integration.checks.conftest import EngineFactory, ServerFactory, site

MANY_BYTES: Final = 16 << 20
MEASURED: Final = Measured(datetime(2026, 11, 28, tzinfo=UTC), 0.1, None)
DEEP: Final = b'{"a":' * 50 + b"1" + b"}" * 50
ENDLESS: Final = Expect(json=(ExpectedJson(path="$..a..a..a..a..a..b", exists=True),))
FIRST: Final = Expect(json=(ExpectedJson(path="$[0]", equals=0),))
HOSTILE: Final[dict[str, tuple[bytes, dict[str, str], dict[str, Any]]]] = {
    "json path": (DEEP, {}, {"expect": ENDLESS}),
    "json": (
        b"[" + b"0," * (MANY_BYTES // 2) + b"0]",
        {},
        {"expect": FIRST},
    ),
    "charset": (b"\xe0" * MANY_BYTES, {"Content-Type": "text/html; charset=cp864"}, {"match": "x"}),
    "regex": (b"ab" * (MANY_BYTES // 2), {}, {"match": "(a|b){0,500}c"}),
    "chunks": (b"1\r\nx\r\n" * (1 << 18) + b"0\r\n\r\n", {"Transfer-Encoding": "chunked"}, {}),
    "compression": (gzip.compress(b"a" * MANY_BYTES), {"Content-Encoding": "gzip"}, {}),
}


def question(body: bytes, received: dict[str, str] | None = None, name: str = "shop", **fields: Any) -> Question:
    lower = {key.lower(): value for key, value in (received or {}).items()}
    watched = Site(name=name, url="http://shop.test/", max_body_bytes=4 * MANY_BYTES, **fields)
    return Question(watched, Page(200, lower, (body,)), MEASURED)


@pytest.fixture
def process() -> Iterator[JudgeProcess]:
    process = JudgeProcess()
    yield process
    process.end()


def pid_of(process: JudgeProcess) -> int:
    assert process._process is not None
    return process._process.pid


def lower_memory(pid: int, left_bytes: int) -> None:
    """Leave a process so much memory beside what it has."""
    has_bytes = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
    resource.prlimit(pid, resource.RLIMIT_AS, (has_bytes + left_bytes,) * 2)


@pytest.mark.parametrize(
    "asked",
    [
        question(b"in stock", match="st.ck"),
        question(b"sold out", match="st.ck"),
        question(gzip.compress(b"sold out"), {"Content-Encoding": "gzip"}, expect=Expect(not_match="sold")),
        question(b"?", {"Content-Encoding": "br"}),
        question(b"?", {"Content-Encoding": "gzip"}),
        question(b'{"a": [1, "\\ud800"]}', expect=Expect(json=(ExpectedJson(path="$..a", equals=10**30),))),
        question(b"s3cret", match="x", headers=(Header("X-Key", "s3cret", is_secret=True),)),
    ],
)
def test_it_finds_what_would_be_found_here(process: JudgeProcess, asked: Question) -> None:
    assert process.judge(asked) == verdict_on(asked)


def test_what_turns_out_to_take_long_to_mask_is_shown_by_it(make_engine: EngineFactory, serve: ServerFactory) -> None:
    quoted = "%252541&amp;amp;amp;"
    server = serve(answering(response(f"my s3cret {quoted * 100}".encode())))
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    headers = tuple(
        Header("X-Key", secret, is_secret=True) for secret in ("s3cret", *(f"{at:03}" * 30 for at in range(20)))
    )
    make_engine().submit(site(server.url("/"), match="in stock", headers=headers), found.put)
    assert found.get(timeout=10).failures[0].excerpt == f"my *** {quoted * 100}"[:57] + "…"


def test_what_takes_too_much_cpu_or_memory_is_a_finding_and_the_next_is_judged(
    process: JudgeProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = Mock(wraps=module._started)
    monkeypatch.setattr(module, "_started", started)
    assert process.judge(question(DEEP, expect=ENDLESS)) == TOO_COSTLY
    objects = b"[" + b'{"a":0},' * (MANY_BYTES // 3) + b"0]"
    assert process.judge(question(objects, expect=ENDLESS)) == TOO_COSTLY
    assert process.judge(question(b"in stock", match="stock")).outcome is Outcome.UP
    assert started.call_count == 3, "none is judged twice"


def test_what_others_left_too_little_memory_for_is_judged_by_a_fresh_process(process: JudgeProcess) -> None:
    process.judge(question(b"in stock", match="stock"))
    held = pid_of(process)
    lower_memory(held, MANY_BYTES * 3 // 2)
    long = b"in stock " * (MANY_BYTES // 9) + "😀".encode()
    assert process.judge(question(long, match="stock")).outcome is Outcome.UP
    assert pid_of(process) != held


def test_one_that_keeps_much_of_what_it_was_asked_judges_nothing_more(process: JudgeProcess) -> None:
    """Each of the keys is kept, and with it the MiB of memory in which it stands."""
    keys = b",".join(b'{"%d":0}' % number + b',{"":0}' * 5_400 for number in range(400))
    process.judge(question(b"in stock", match="stock"))
    held = pid_of(process)
    wanted = Expect(json=(ExpectedJson(path="$[0]", exists=True),))
    assert process.judge(question(b"[%s]" % keys, expect=wanted)).outcome is Outcome.UP
    assert process._process is None
    assert process.judge(question(b"in stock", match="stock")).outcome is Outcome.UP
    assert pid_of(process) != held


def test_a_process_that_was_killed_is_replaced_and_no_verdict_is_lost(process: JudgeProcess) -> None:
    asked = question(b"in stock", match="stock")
    process.judge(asked)
    os.kill(pid_of(process), signal.SIGKILL)
    assert process.judge(asked).outcome is Outcome.UP


def test_it_goes_with_its_parent_alone_and_knows_nothing_of_its_environment(
    process: JudgeProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITEMON_DB_PASSWORD", "s3cret")
    asked = question(b"in stock", match="stock")
    process.judge(asked)
    pid = pid_of(process)
    assert b"s3cret" not in Path(f"/proc/{pid}/environ").read_bytes()
    assert os.getsid(pid) == pid
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(pid, number)
    assert process.judge(asked).outcome is Outcome.UP
    assert (pid_of(process), process.end()) == (pid, 0)


def test_where_no_process_can_be_started_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    cases = [module.Case(question(b""), IN_THREAD.event()) for _ in range(2)]
    judge = FairThreads("sitemon-judge", module._judging, 0.1)  # that of this process may have one already
    for case in cases:
        judge.take("", "shop", case)
        assert run_here(case.is_decided.wait(10))
    assert [case.verdict for case in cases] == [None, None]


def test_who_waits_too_long_for_us_has_waited_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST_WAIT_S", 0.01)
    monkeypatch.setattr(FairThreads, "take", lambda *_: None)
    with pytest.raises(OwnError):
        run_here(judged(question(b"x", {"Content-Encoding": "gzip"}), IN_THREAD))


def check_twenty(engine: Engine, good: Server) -> None:
    """Have 20 sites checked at once, which are up."""
    seen: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for _ in range(20):
        engine.submit(site(good.url("/")), seen.put)
    assert {seen.get(timeout=10).outcome for _ in range(20)} == {Outcome.UP}


def all_but_few_s(steps_s: list[float]) -> float:
    """Return within how much CPU 99 of 100 steps were done."""
    return sorted(steps_s)[-1 - len(steps_s) // 100]


@pytest.mark.usefixtures("frozen_heap")
@pytest.mark.parametrize("kind", HOSTILE)
def test_no_check_waits_for_a_hostile_response(
    make_engine: EngineFactory, serve: ServerFactory, steps_s: list[float], kind: str
) -> None:
    """Of 100 steps of the loop 99 take at most 20 ms more than where nobody is hostile.

    And none takes what judging takes. One may have bad luck; what one of the two responses does, the other does too.
    """
    body, headers, fields = HOSTILE[kind]
    good, hostile = (
        serve(answering(response())),
        serve(answering(response(body, headers=headers, length=kind != "chunks"))),
    )
    engine = make_engine(at_once=40)
    for _ in range(20):
        check_twenty(engine, good)
    usual_s = all_but_few_s(steps_s)
    steps_s.clear()
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for _ in range(2):
        engine.submit(site(hostile.url("/"), timeout_s=10, max_body_bytes=4 * MANY_BYTES, **fields), found.put)
    under_way = 2
    while under_way:
        check_twenty(engine, good)
        with contextlib.suppress(queue.Empty):
            found.get(timeout=0.05)
            under_way -= 1
    assert all_but_few_s(steps_s) - usual_s < 0.02
    assert sorted(steps_s)[-2] < 0.2
