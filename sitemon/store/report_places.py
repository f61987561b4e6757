"""Which sites and groups stand in a report: chosen by PostgreSQL, where there are too many in turns of their files."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.store.queries import load_queries

_sql: Final = load_queries("report.sql")

_PIECE: Final = 500
_FEW: Final = 1_000
"""So many sites are asked for by their names."""

Group = str | None
"""The value of a label, empty where sites have none; None: all groups that do not stand in the report by themselves."""


class Questions:
    """Asks for what `values` say, to which is added what answers tell."""

    def __init__(self, cursor: Cursor, how: str, values: dict[str, Any]) -> None:
        self._cursor = cursor
        self.values = values
        parts = {name: _sql[name] for name in ("labelled", "fitting")}
        for name, query in (("counted", f"counted_by_{how}"), ("timed", f"timed_by_{how}"), ("happened", "happened")):
            parts[name] = f"SELECT * FROM ({_sql[query]}) AS of_all WHERE {_sql['is_asked']}"  # noqa: S608 - our own words
        self._parts = parts | {name: _sql[name] for name in ("seen", "member")}

    def ask(self, name: str, **more: object) -> Iterator[Any]:
        """Yield the rows of an answer.

        In pieces: libpq holds all rows of an answer, and psycopg2 lets no other thread run while it makes them.
        """
        cursor = self._cursor
        cursor.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {self._with_parts(_sql[name])}", self.values | more)
        rows: list[Any] = [()]
        while rows:
            cursor.execute(f"FETCH {_PIECE} FROM {name}")
            rows = cursor.fetchall()
            yield from rows
        cursor.execute(f"CLOSE {name}")

    def _with_parts(self, query: str) -> str:
        """Return a query below the parts that it names, and that these do."""
        parts: list[str] = []
        for name, part in reversed(self._parts.items()):
            if re.search(rf"\b{name}\b", " ".join([*parts, query])):
                # Only labels are worth keeping for a query that reads them twice.
                kept = "" if name in {"labelled", "fitting"} else "NOT MATERIALIZED "
                parts.insert(0, f"{name} AS {kept}({part})")
        return f"WITH {', '.join(parts)} {query}"

    def find_by_labels(self) -> None:
        """Ask for sites by their names from here on, if few have the labels."""
        found = [site for (site,) in self.ask("some_fitting", few=_FEW)]
        if len(found) <= _FEW:
            among = self.values["among"]
            self.values |= {"among": [site for site in found if among in (None, [site])], "labels": None}

    def chosen(self, name: str, files: Mapping[str, str]) -> tuple[list[str], int]:
        """Return what has room in the report, and how much there is beside it, for which `files` then take turns."""
        found = list(self.ask(name))
        if found and len(found) < found[0][1] and files:
            numbers = {file: number for number, file in enumerate(sorted({*files.values()}), 1)}
            found = list(self.ask(name, owned=list(files), owners=[numbers[file] for file in files.values()]))
        return [one for one, _ in found], found[0][1] - len(found) if found else 0


class Places(NamedTuple):
    """What stands in a report: `labels` of the sites and the numbers of their groups, and what has each number."""

    numbers: dict[str, int]
    groups: list[Group]
    labels: dict[str, bytes]
    more_sites: int
    more_groups: int


def choose(questions: Questions, group_by: str | None, files: Mapping[str, str]) -> Places:
    """Choose what stands in the report, and let all further questions be asked of that and of sums."""
    if questions.values["labels"]:
        questions.find_by_labels()
    sites, more_sites = questions.chosen("listed_sites", files)
    names, more_groups = questions.chosen("listed_groups", files) if group_by else ([""], 0)
    labels = _labels(questions.ask("labels", sites=sites))
    number_of = {name: number for number, name in enumerate(names)}
    rest = len(names)

    def number(site: str) -> int:
        found = msgspec.json.decode(labels.get(site, b"{}")).get(group_by, "") if group_by else ""
        return number_of.get(found, rest)

    numbers = {site: number(site) for site in sorted(sites)}
    are_others_grouped = bool(more_sites and group_by)
    questions.values |= {
        "sites": list(numbers),
        "numbers": list(numbers.values()),
        "groups": names if are_others_grouped else [],
        "are_others_grouped": are_others_grouped,
        "rest": rest,
        "unlabelled": number_of.get("", rest),
    }
    return Places(numbers, [*names, None], labels, more_sites, more_groups)


def _labels(found: Iterator[tuple[str, str]]) -> dict[str, bytes]:
    """Return the labels of each site as JSON, equal ones once: one emoji in a text takes four times the room."""
    kept: dict[bytes, bytes] = {}
    return {site: kept.setdefault(said, said) for site, text in found for said in [text.encode()]}
