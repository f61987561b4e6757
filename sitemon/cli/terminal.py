"""The one door to the terminal: text of others does nothing there but be read, and is never taken for rich's markup."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import click
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from sitemon.model.moment import format_utc
from sitemon.model.one_line import one_line

T = TypeVar("T")


def say(line: str, *, err: bool = False) -> None:
    """Print one line."""
    click.echo(one_line(line), err=err)


def say_columns(rows: Iterable[Sequence[str]]) -> None:
    """Print a line a row, with tabs between its cells."""
    click.echo("\n".join("\t".join(map(one_line, row)) for row in rows))


def say_json(value: object) -> None:
    """Print JSON, in which everything but ASCII is escaped, and moments are as on Kafka."""
    click.echo(json.dumps(value, indent=2, default=format_utc))


def newest(found: list[T], limit: int) -> list[T]:
    """Return so many of what was found, the newest first; say on standard error where there are more."""
    if len(found) > limit:
        say(f"only the newest {limit:,}: --limit for more", err=True)
    return found[:limit]


def say_document(text: str) -> None:
    """Print text of several lines as it is: whoever wrote it let nothing of others do anything in it."""
    click.echo(text, nl=not text.endswith("\n"))


class Terminal(Console):
    """A console to which a `str` is one plain line, and that shows no other control characters than its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the text as it is, but for what is not printable."""
        plain = {"emoji": False, "markup": False, "highlight": False}
        return super().render_str(one_line(text), **options | plain)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Give the segments, with nothing in their text that is not printable."""
        for segment in super().render(renderable, options):
            is_ours = bool(segment.control) or segment.text.replace("\n", "").isprintable()
            yield segment if is_ours else segment._replace(text=_masked(segment.text))


def _masked(text: str) -> str:
    return "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text)
