"""Rows that print as a table and become a data frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas


Row = dict[str, Any]


class Table(list[Row]):
    """A list of dicts with equal keys: `pandas.DataFrame(table)` works, and so does `table.to_pandas()`."""

    def __init__(self, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        super().__init__(dict(row) for row in rows)

    @property
    def columns(self) -> dict[str, list[Any]]:
        """The same by column."""
        names = self[0].keys() if self else ()
        return {name: [row[name] for row in self] for name in names}

    def where(self, **values: Any) -> Table:
        """The rows with these values."""
        return Table(row for row in self if all(row[name] == value for name, value in values.items()))

    def to_pandas(self) -> pandas.DataFrame:
        """A data frame; needs pandas."""
        import pandas

        return pandas.DataFrame(self.columns)

    def _cells(self) -> list[list[str]]:
        return [list(self.columns), *([shown(value) for value in row.values()] for row in self)]

    def __str__(self) -> str:
        if not self:
            return "(no rows)"
        numeric = [all(_is_number(value) for value in column) for column in self.columns.values()]
        return aligned(self._cells(), numeric)

    def _repr_html_(self) -> str:
        """What notebooks show."""
        head, *body = [[escape(cell) for cell in row] for row in self._cells()]
        rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in body)
        return "<table><tr>" + "".join(f"<th>{cell}</th>" for cell in head) + f"</tr>{rows}</table>"


def aligned(cells: list[list[str]], right: list[bool]) -> str:
    """Cells as lines; the first row is the header."""
    widths = [max(len(row[at]) for row in cells) for at in range(len(right))]
    lines = (
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width) for cell, width, to_right in zip(row, widths, right)
        ).rstrip()
        for row in cells
    )
    return "\n".join(lines)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def shown(value: object) -> str:
    """A value as people read it; small numbers, as p-values are, keep their digits."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        size = abs(value)
        if 0 < size < 1e-3:
            return f"{value:.2e}"
        return f"{value:.4f}" if size < 1 else f"{value:.2f}" if size < 10_000 else f"{value:.0f}"
    return str(value)
