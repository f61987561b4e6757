"""Dark stretches: times that no leader's reign covers, in which what was missed is counted and has no rows."""

from collections.abc import Sequence
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.spans import Span, united, without
from sitemon.store.queries import load_queries

_sql: Final = load_queries("dark_stretches.sql")

_MOST_REGIONS: Final = 1_000
"""In so many regions dark stretches are kept. Each step of the account reads all of them."""


def keep_new(cursor: Cursor, closed_ms: int) -> Sequence[Span]:
    """Keep those that the account has come to by this moment, beside those that are not lit yet; return all of them."""
    kept, wanted = kept_and_wanted(cursor, closed_ms)
    new = [part for span in wanted for part in without(span, kept)]
    if new:
        kept = united([*kept, *new])
        keep(cursor, kept)
    return kept


def kept_and_wanted(cursor: Cursor, closed_ms: int) -> tuple[list[Span], list[Span]]:
    """Return those that are kept, and those that there are, as far as the account has come."""
    kept = kept_spans(cursor)
    cursor.execute(_sql["dark_stretches"], {"closed_ms": closed_ms})
    return kept, [Span(from_ms, until_ms) for from_ms, until_ms in cursor.fetchall()]


def kept_spans(cursor: Cursor) -> list[Span]:
    """Return those that are kept, in order; they do not touch."""
    cursor.execute(_sql["kept_dark_stretches"])
    return [Span(from_ms, until_ms) for from_ms, until_ms in cursor.fetchall()]


def keep(cursor: Cursor, spans: Sequence[Span]) -> None:
    """Keep these alone, in the regions that have a schedule; those that are kept already stay."""
    values = span_columns(spans)
    cursor.execute(_sql["forget_dark_stretches"], values)
    cursor.execute(_sql["keep_dark_stretches"], {**values, "regions": _MOST_REGIONS})


def span_columns(spans: Sequence[Span]) -> dict[str, object]:
    """Return where spans begin and end, as arrays of a query."""
    return {"from_ms": [span.from_ms for span in spans], "until_ms": [span.until_ms for span in spans]}
