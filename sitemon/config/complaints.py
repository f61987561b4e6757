"""Reading a document value by value, with all of its mistakes, each at its place."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeGuard

from sitemon.config.documents import Document
from sitemon.config.values import UnfitError, ValuePath, kind_of, suggestion
from sitemon.model.errors import Mistake


class Complaints:
    """The mistakes found so far in a document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.mistakes: list[Mistake] = []

    def complain(self, path: ValuePath, problem: str) -> None:
        """Note a mistake at this place."""
        self.mistakes.append(self._document.mistake(path, problem))

    def read(self, path: ValuePath, value: object, read: Callable[[object], Any]) -> Any:
        """Return the value that stands at this place; None if it is unfit."""
        try:
            return read(value)
        except UnfitError as exc:
            self.complain((*path, *exc.path), exc.problem)
            return None

    def mapping(self, path: ValuePath, value: object) -> dict[str, Any]:
        """Return a mapping; an empty one where there is none."""
        return value if self.is_mapping(value, path) else {}

    def is_mapping(self, value: object, path: ValuePath) -> TypeGuard[dict[str, Any]]:
        """Whether a mapping of names stands at this place."""
        if isinstance(value, dict) and all(isinstance(name, str) for name in value):
            return True
        self.complain(path, f"expected a mapping of names, not {kind_of(value)}")
        return False

    def refuse_unknown(self, path: ValuePath, fields: Mapping[str, Any], known: Iterable[str]) -> None:
        """Complain of fields that nobody knows."""
        for name in fields:
            if name not in known:
                self.complain((*path, name), f"unknown field{suggestion(name, known)}")

    def words(self, path: ValuePath, value: object, known: Iterable[str], noun: str) -> tuple[str, ...]:
        """Return a list of words, each of which must be known."""
        if not isinstance(value, list):
            self.complain(path, f"expected a list, not {kind_of(value)}")
            return ()
        for place, word in enumerate(value):
            if not isinstance(word, str) or word not in known:
                self.complain((*path, place), f"no {noun} of this name{suggestion(str(word), known)}")
        return tuple(map(str, value))
