"""Export of a store or a run to files in formats for other programs; an export that fails leaves nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from data.files import output
from data.text import cell_of_sheet, harmless
from lineage.exchange import openlineage, prov
from lineage.exchange.tables import TABLES, Table
from lineage.model import Subgraph
from lineage.store.reader import LineageStore

FOLDERS = ("csv", "parquet")


def export(store: LineageStore, form: str, target: Path, run: str | None = None, *, overwrite: bool = False) -> None:
    """Export a store, or one run of it.

    Args:
        store: store to read.
        form: `openlineage` or `prov`, which are written to a file, or one of `FOLDERS`, which have a file per table.
        target: the file, see `data.files.output` for what it may replace, or the folder, which must not exist.
        run: name of the only run to export; None for the whole store.
        overwrite: whether the file may replace one that is not an earlier output.

    Raises:
        InputError: there is no such run, or the target must not be replaced.
    """
    with output(target, overwrite=overwrite) as made:
        if form in FOLDERS:
            _write_tables(store, form, made, run)
            return
        parts: Iterable[Subgraph] = [store.run_subgraph(run)] if run else store.whole()
        pieces = openlineage.lines(store, parts) if form == "openlineage" else prov.pieces(parts)
        with made.open("w", encoding="utf-8") as file:
            file.writelines(pieces)


def _write_tables(store: LineageStore, form: str, folder: Path, run: str | None) -> None:
    write = _write_csv if form == "csv" else _write_parquet
    folder.mkdir()
    for table in TABLES.values():
        write(table, table.batches(store, run, names=False), folder / f"{table.name}.{form}")


def _write_csv(table: Table, batches: Iterator[pa.RecordBatch], file: Path) -> None:
    with pyarrow.csv.CSVWriter(file, table.schema) as writer:
        for batch in batches:
            writer.write_batch(_for_sheets(batch))


def _for_sheets(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows in which no text is a formula and everything in a text is visible."""
    columns = [
        pa.array(
            [None if text is None else cell_of_sheet(harmless(text, None)) for text in column.to_pylist()], column.type
        )
        if pa.types.is_string(column.type)
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _write_parquet(table: Table, batches: Iterator[pa.RecordBatch], file: Path) -> None:
    with pyarrow.parquet.ParquetWriter(file, table.schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
