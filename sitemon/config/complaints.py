"""Reading a value part by part, with all that is wrong in it, each at its place."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeGuard

from sitemon.config.values import Problem, UnfitError, ValuePath, kind_of, suggestion


class Complaints:
    """The problems found so far."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def complain(self, path: ValuePath, problem: str) -> None:
        """Note a problem at this place."""
        self.problems.append((path, problem))

    def read(self, path: ValuePath, value: object, read: Callable[[object], Any]) -> Any:
        """Return the value that stands at this place; None if it is unfit."""
        try:
            return read(value)
        except UnfitError as exc:
            self.problems += exc.problems_at(path)
            return None

    def mapping(self, path: ValuePath, value: object) -> dict[str, Any]:
        """Return a mapping, of what has a name; an empty one where there is none."""
        if self.is_mapping(value, path):
            return value
        return {name: one for name, one in value.items() if isinstance(name, str)} if isinstance(value, dict) else {}

    def is_mapping(self, value: object, path: ValuePath) -> TypeGuard[dict[str, Any]]:
        """Whether a mapping of names stands at this place."""
        if not isinstance(value, dict):
            self.complain(path, f"expected a mapping of names, not {kind_of(value)}")
            return False
        unfit = [name for name in value if not isinstance(name, str)]
        for name in unfit:
            self.complain((*path, str(name)), "expected a name that is text (put it in quotes)")
        return not unfit

    def refuse_unknown(self, path: ValuePath, fields: Mapping[str, Any], known: Iterable[str]) -> None:
        """Complain of fields that nobody knows."""
        for name in fields:
            if name not in known:
                self.complain((*path, name), f"unknown field{suggestion(name, known)}")

    def words(self, path: ValuePath, value: object, known: Iterable[str], noun: str) -> tuple[str, ...]:
        """Return a list of words, each of which must be known, and stand there once."""
        if not isinstance(value, list):
            self.complain(path, f"expected a list, not {kind_of(value)}")
            return ()
        found: dict[str, None] = {}
        for place, word in enumerate(value):
            if not isinstance(word, str) or word not in known:
                self.complain((*path, place), f"no {noun} of this name{suggestion(str(word), known)}")
            elif word in found:
                self.complain((*path, place), f"{word} stands twice")
            else:
                found[word] = None
        return tuple(found)
