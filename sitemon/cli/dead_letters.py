"""``sitemon dead-letters``: what could not be recorded, and sending it again."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Final

import click

from sitemon.cli import options
from sitemon.cli.terminal import Terminal, say, say_json
from sitemon.config.servers import KafkaServer, kafka_server
from sitemon.record.retry import Fate, Retry
from sitemon.report.letters import as_json_types, letter_lines, letters_table
from sitemon.stream.dead_letters import Kept, kept
from sitemon.stream.producer import KafkaProducer
from sitemon.stream.reading import read_all, read_places
from sitemon.stream.topics import Topics, topics_of

_NUMBER: Final = re.compile(r"(0|[1-9]\d{0,8}):(0|[1-9]\d{0,17})")
_PROBLEMS_SHOWN: Final = 20
_NUMBERS_SHOWN: Final = 20
_WIDTH: Final = 1_000

_reason = click.option("--reason", "reasons", multiple=True, metavar="WORD", help="Only those; repeat for several.")


@click.group("dead-letters")
def command() -> None:
    """List, show and send again what could not be recorded.

    Dead letters stay on their topic as long as results do on theirs. Each has a number there, such as 0:41.
    """


@command.command("list")
@_reason
@options.limit
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@options.kafka
def list_(reasons: Sequence[str], limit: int, as_json: bool, kafka: str | None) -> None:
    """List the dead letters, newest last."""
    server = kafka_server(kafka)
    found = _newest(server, reasons, limit)
    if as_json:
        topics = topics_of(server)
        say_json([as_json_types(one, topics, with_value=False) for one in found])
    elif found:
        # One line each, however wide: for grep as for the eye.
        Terminal(width=_WIDTH).print(letters_table(found))
    else:
        say("no dead letters" + (f" of reason {' or '.join(reasons)}" if reasons else ""))


@command.command("show", short_help="Show one dead letter with its value.")
@click.argument("number")
@click.option("--json", "as_json", is_flag=True, help="All of it, bytes as base64.")
@options.kafka
def show(number: str, as_json: bool, kafka: str | None) -> int:
    """Show one dead letter with its value: as JSON or text if it is that, else its bytes. Exit status 1: not there."""
    places, server = _places((number,)), kafka_server(kafka)
    topics = topics_of(server)
    with closing(read_places(server, topics.dead_letters, places)) as messages:
        found = [kept(message) for message in messages]
    for one in found:
        if as_json:
            say_json(as_json_types(one, topics, with_value=True))
        else:
            for line in letter_lines(one, topics):
                say(line)
    return 0 if found else _complain_of_missing((number,))


@command.command("retry", short_help="Send dead letters to their topics again.")
@click.argument("numbers", nargs=-1)
@_reason
@click.option("--all", "is_all", is_flag=True, help="All that there are.")
@options.kafka
def retry(numbers: Sequence[str], reasons: Sequence[str], is_all: bool, kafka: str | None) -> int:
    """Send dead letters to their topics again, where the recorder reads them. Exit status 1: some were not.

    Those that say that they came from the schedule or the marks are sent only by their numbers: whoever may write dead
    letters can write such ones, and you have more rights than he.

    What is recorded already stays as it is, and what still cannot be recorded becomes a new dead letter, so that
    doing it twice does no harm. The old one stays in the list until its topic's retention is over.
    """
    if sum(map(bool, (numbers, reasons, is_all))) != 1:
        raise click.UsageError("say which: their numbers, or --reason, or --all")
    places, server = _places(numbers), kafka_server(kafka)
    topic = topics_of(server).dead_letters
    with closing(read_places(server, topic, places) if places else read_all(server, topic)) as found:
        return _send(server, _of_reasons(map(kept, found), reasons), numbers)


def _send(server: KafkaServer, letters: Iterator[Kept], numbers: Sequence[str]) -> int:
    topics = topics_of(server)
    missing, counts, not_named = dict.fromkeys(numbers), Counter[Fate](), list[str]()
    for retried in Retry(topics, lambda: KafkaProducer(server), are_named=bool(numbers)).run(letters):
        counts[retried.fate] += 1
        if retried.fate is Fate.NOT_NAMED and len(not_named) < _NUMBERS_SHOWN:
            not_named.append(retried.kept.number)
        missing.pop(retried.kept.number, None)
        if retried.problem and counts[Fate.STAYS] <= _PROBLEMS_SHOWN:
            say(f"{retried.kept.number} cannot be sent again: {retried.problem}", err=True)
    copies = f", {counts[Fate.COPY]:,} copies of them left out" if counts[Fate.COPY] else ""
    stay = f", {counts[Fate.STAYS]:,} cannot be" if counts[Fate.STAYS] else ""
    say(f"{counts[Fate.SENT]:,} of {counts.total():,} dead letters sent again{copies}{stay}")
    if not_named:
        _say_not_named(not_named, counts[Fate.NOT_NAMED], topics)
    if missing:
        return _complain_of_missing(tuple(missing))
    return 1 if counts[Fate.STAYS] or not_named else 0


def _say_not_named(numbers: Sequence[str], count: int, topics: Topics) -> None:
    more = " …" if count > len(numbers) else ""
    say(
        f"{count:,} not sent, which say that they came from {topics.schedule} or {topics.marks}: look at each with"
        f" sitemon dead-letters show, then sitemon dead-letters retry {' '.join(numbers)}{more}",
        err=True,
    )


def _newest(server: KafkaServer, reasons: Sequence[str], limit: int) -> list[Kept]:
    found: list[Kept] = []
    with closing(read_all(server, topics_of(server).dead_letters, None if reasons else limit)) as messages:
        for one in _of_reasons(map(kept, messages), reasons):
            found.append(one.for_a_list())
            if len(found) >= 2 * limit:
                found = _last(found, limit)
    return _last(found, limit)


def _of_reasons(letters: Iterable[Kept], reasons: Sequence[str]) -> Iterator[Kept]:
    return (one for one in letters if not reasons or one.letter.reason in reasons)


def _last(found: list[Kept], limit: int) -> list[Kept]:
    return sorted(found, key=lambda one: (one.kept_at_ms, one.partition, one.offset))[-limit:]


def _places(numbers: Sequence[str]) -> list[tuple[int, int]]:
    matches = [(number, _NUMBER.fullmatch(number)) for number in dict.fromkeys(numbers)]
    for number, match in matches:
        if match is None:
            raise click.UsageError(f"{number!r} is no number of a dead letter, such as 0:41")
    return [(int(match[1]), int(match[2])) for _, match in matches if match]


def _complain_of_missing(numbers: Sequence[str]) -> int:
    are = "are no dead letters" if len(numbers) > 1 else "is no dead letter"
    say(f"there {are} {', '.join(numbers)}: sitemon dead-letters list", err=True)
    return 1
