"""Tables of any kind: their cells, columns and rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from .text import MISSING, show_text


@dataclass(frozen=True)
class Cell:
    """A cell of a table, sorted by its value (None comes last), and its difference, if it has one.

    ``best`` says that no other run's metric is better.
    """

    text: str
    value: str | float | None
    difference: float | None = None
    best: bool = False

    @property
    def change(self) -> str:
        """The difference with its sign; '' where there is none."""
        if self.difference is None:
            return ''
        sign = '+' if self.difference > 0 else '−' if self.difference else '±'
        return f'{sign}{abs(self.difference):.3f}'


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    title: str
    cells: Sequence[Cell]
    ranked: bool = False

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers."""
        return not any(isinstance(cell.value, str) for cell in self.cells)

    @property
    def compared(self) -> bool:
        """Whether it has differences."""
        return any(cell.change for cell in self.cells)


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows."""

    title: str
    columns: Sequence[Column]

    @property
    def rows(self) -> list[tuple[Cell, ...]]:
        """The cells of each row."""
        return list(zip(*(column.cells for column in self.columns), strict=True))


def compare(values: Sequence[float | None], ranked: bool = True) -> list[Cell]:
    """Cells of a metric of several runs, each with its difference from the first.

    Without ``ranked``, there is neither a difference nor a best one.
    """
    reference = values[0] if ranked else None
    known = {value for value in values if value is not None}
    best = max(known) if ranked and len(known) > 1 else None
    cells: list[Cell] = []
    for number, value in enumerate(values):
        if value is None:
            cells.append(Cell(MISSING, None))
            continue
        difference = value - reference if number and reference is not None else None
        cells.append(Cell(f'{value:.3f}', value, difference, best=value == best))
    return cells


def text_cell(text: str | None) -> Cell:
    """A text in one line."""
    shown = show_text(text or '')
    return Cell(shown or MISSING, shown or None)


def number_cell(number: int | None, unit: float = 1) -> Cell:
    """A number of things, in units."""
    if number is None:
        return Cell(MISSING, None)
    return Cell(f'{number / unit:.2f}' if unit > 1 else f'{number:,}', number)
