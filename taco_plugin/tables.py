"""Tables as CSV and for the terminal."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence


def format_csv(rows: Sequence[Mapping[str, object]]) -> str:
    r"""A table as CSV; a cell is empty where a row lacks its column or has None.

    A text that a spreadsheet would take for a formula begins with ``'``, and what UTF-8 cannot
    encode is escaped.

    >>> format_csv([{'run': 'a', 'AP': 0.5}, {'run': '=1+1'}])
    "run,AP\na,0.5\n'=1+1,\n"
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return format_csv_rows(columns, ([row.get(name) for name in columns] for row in rows))


def format_csv_rows(header: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """A table as CSV like :func:`format_csv`, whose columns need not have different names."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator='\n')
    writer.writerows([_neutralise(value) for value in row] for row in [header, *rows])
    return file.getvalue().encode('utf-8', 'backslashreplace').decode()


def _neutralise(value: object) -> object:
    is_formula = isinstance(value, str) and value.lstrip().startswith(('=', '+', '-', '@'))
    return f"'{value}" if is_formula else value


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligns a table for the terminal: the first column to the left, the others to the right.

    >>> print(format_table(['class', 'boxes'], [['Can', '273'], ['Battery', '2']]))
    class    boxes
    Can        273
    Battery      2
    """
    columns = []
    for index, column in enumerate(zip(header, *rows, strict=True)):
        width = max(map(len, column))
        columns.append([cell.rjust(width) if index else cell.ljust(width) for cell in column])
    return '\n'.join('  '.join(line).rstrip() for line in zip(*columns, strict=True))
