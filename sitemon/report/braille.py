"""Lines drawn with the dots of Braille: two columns and four rows of dots in each character (Unicode, U+2800). Pure."""

from collections.abc import Sequence
from typing import Final

_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of a dot by its row, from the top, and its column."""


class Canvas:
    """So many characters; a dot belongs to the line that was drawn last over its character."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self._dots = [[0] * columns for _ in range(rows)]
        self._owners: list[list[int | None]] = [[None] * columns for _ in range(rows)]

    def draw(self, line: int, values: Sequence[float | None], top: float) -> None:
        """Draw values, from the left to the right and over the whole width, as far as they are from 0 to `top`."""
        before: int | None = None
        for column in range(2 * self.columns):
            value = values[column * len(values) // (2 * self.columns)]
            if value is None:
                before = None
                continue
            row = round((1 - min(max(0.0, value / top), 1.0)) * (4 * self.rows - 1))
            for each in range(
                min(row, row if before is None else before), max(row, row if before is None else before) + 1
            ):
                self._dots[each // 4][column // 2] |= _DOTS[each % 4][column % 2]
                self._owners[each // 4][column // 2] = line
            before = row

    def row(self, number: int) -> list[tuple[str, int | None]]:
        """Return the characters of a row, each with the line that it belongs to."""
        return [
            (chr(0x2800 + dots) if dots else " ", owner)
            for dots, owner in zip(self._dots[number], self._owners[number], strict=True)
        ]
