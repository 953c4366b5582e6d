"""The output of `sql`: rows of a query as a table, JSON or CSV, and the description of the tables."""

from __future__ import annotations

import csv
import datetime
import decimal
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table as Grid

from data.output.terminal import Terminal, styled
from data.text import cell_of_sheet, harmless, say_json
from lineage.exchange.tables import TABLES
from lineage.formatting import cell

_MOST_SHOWN = 1000

Rows = Iterable[Sequence[Any]]


def as_table(columns: Sequence[str], rows: Rows) -> None:
    """Print a table for people; control characters in values are shown as escapes."""
    grid = Grid(box=None, header_style="bold")
    for name in columns:
        grid.add_column(cell(name), overflow="fold")
    count = 0
    for row in rows:
        count += 1
        if count <= _MOST_SHOWN:
            grid.add_row(*(cell(_plain(value)) for value in row))
    console = Terminal()
    console.print(grid)
    rest = f" (the first {_MOST_SHOWN:,} are shown; --json and --csv print all)" if count > _MOST_SHOWN else ""
    console.print(f"{count:,} {'row' if count == 1 else 'rows'}{rest}", style="dim")


def as_json(columns: Sequence[str], rows: Rows) -> None:
    """Print a JSON list of objects."""
    say_json([dict(zip(columns, map(_plain, row), strict=True)) for row in rows])


def as_csv(columns: Sequence[str], rows: Rows) -> None:
    """Print CSV with a header."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(map(_sheet_cell, columns))
    writer.writerows(map(_sheet_cell, row) for row in rows)


def show_schema(*, as_json: bool) -> None:
    """Print the tables that a query can name, with the meaning of each column."""
    if as_json:
        tables = {
            table.name: {
                "row": table.row,
                "columns": {c.name: {"type": c.type, "meaning": c.meaning} for c in table.columns},
            }
            for table in TABLES.values()
        }
        say_json(tables)
        return
    console = Terminal()
    for table in TABLES.values():
        console.print(styled((table.name, "bold"), f": {table.row}"))
        grid = Grid(box=None, show_header=False, padding=(0, 1))
        for column in table.columns:
            grid.add_row("", column.name, cell(column.type, "dim"), column.meaning)
        console.print(grid)


def _sheet_cell(value: Any) -> Any:
    plain = _plain(value)
    return plain if plain is None or isinstance(plain, bool | int | float) else cell_of_sheet(harmless(plain, None))


def _plain(value: Any) -> Any:
    """Return a value from DuckDB as a value that JSON has."""
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(entry) for key, entry in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)
