"""Read-only SQL queries over the tables of lineage.

A query is one SELECT. It runs in a database in memory that cannot open files, load extensions or change settings, and
that sees only the tables that the query names. The metadata store itself is never written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa

from data.errors import InputError
from lineage.exchange.tables import TABLES
from lineage.store.reader import LineageStore

_MEMORY = "1GB"
_LOCKED_DOWN = (
    "SET python_enable_replacements = false",
    "SET enable_external_access = false",
    "SET allow_community_extensions = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    f"SET memory_limit = '{_MEMORY}'",
    "SET lock_configuration = true",
)


def query(store: LineageStore, text: str) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """Run a SELECT.

    Args:
        store: store to read.
        text: SQL of the query.

    Returns:
        Names of the columns, and the rows.

    Raises:
        InputError: the text is not a single SELECT, or the query fails.
    """
    database = duckdb.connect(":memory:", config={"temp_directory": ""})
    for setting in _LOCKED_DOWN:  # before the text is parsed: finding its tables would open files that it names
        database.execute(setting)
    try:
        statement = _only_select(database, text)
        for name in sorted(_tables_in(database, text)):
            # A registered Arrow table is a view, which no statement can write.
            database.register(name, pa.Table.from_batches(TABLES[name].batches(store), TABLES[name].schema))
        result = database.execute(statement)
    except duckdb.Error as error:
        raise InputError(
            f"the query fails: {error}", remedy="`poseline lineage sql --schema` shows the tables"
        ) from error
    return [column[0] for column in result.description or ()], _rows(database)


def _rows(database: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while rows := database.fetchmany(1000):
        yield from rows


def _only_select(database: duckdb.DuckDBPyConnection, text: str) -> Any:
    statements = database.extract_statements(text)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise InputError("the query is not a single SELECT", remedy="give one SELECT; lineage cannot be changed by SQL")
    return statements[0]


def _tables_in(database: duckdb.DuckDBPyConnection, text: str) -> set[str]:
    """Return the tables of lineage that a query names, in upper or lower case."""
    return {name.lower() for name in database.get_table_names(text)} & TABLES.keys()
