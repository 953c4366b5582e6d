"""Read-only SQL over lineage.

The tables that a query names are shown to a database in memory that is shut: no files, no extensions, no settings, no
tables of its own, one SELECT. The metadata store itself is only ever read.
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
_SHUT = (
    "SET python_enable_replacements = false",
    "SET enable_external_access = false",
    "SET allow_community_extensions = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    f"SET memory_limit = '{_MEMORY}'",
    "SET lock_configuration = true",
)


def query(store: LineageStore, text: str) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """Answers a SELECT.

    Returns:
        Names of the columns, and the rows.

    Raises:
        InputError: it is no single SELECT, or it fails.
    """
    database = duckdb.connect(":memory:", config={"temp_directory": ""})
    for setting in _SHUT:  # before the text is looked at: even naming tables opens files that it mentions
        database.execute(setting)
    try:
        statement = _only_select(database, text)
        for name in sorted(_named(database, text)):
            # A view of a table outside of the database: nothing in it can be written, however it is tried.
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
        raise InputError("only one SELECT is answered", remedy="lineage is never changed by SQL")
    return statements[0]


def _named(database: duckdb.DuckDBPyConnection, text: str) -> set[str]:
    """Tables of ours that a query names, however it writes them."""
    return {name.lower() for name in database.get_table_names(text)} & TABLES.keys()
