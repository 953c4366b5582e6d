"""Writes lineage to files in forms that other programs read; whole, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from data.errors import InputError
from data.files import replacing
from lineage.exchange import openlineage, prov
from lineage.exchange.tables import TABLES, Table
from lineage.model import Subgraph
from lineage.store.reader import LineageStore

DOCUMENTS = ("openlineage", "prov")
FOLDERS = ("csv", "parquet")


def export(store: LineageStore, form: str, target: Path, run: str | None = None) -> None:
    """Writes a store, or one run of it.

    Args:
        store: to read, in parts of bounded size.
        form: one of `DOCUMENTS`, which become one file, or of `FOLDERS`, which become a folder with a file a table.
        target: the file, which is replaced, or the folder, which must not be there yet.
        run: only this run.

    Raises:
        InputError: there is no such run, or the folder is there.
    """
    if form in FOLDERS:
        _write_tables(store, form, target, run)
        return
    parts: Iterable[Subgraph] = [store.run_subgraph(run)] if run else store.whole()
    pieces = openlineage.lines(store, parts) if form == "openlineage" else prov.pieces(parts)
    with replacing(target) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(pieces)


def _write_tables(store: LineageStore, form: str, target: Path, run: str | None) -> None:
    if target.exists():
        raise InputError("the folder is there already", str(target), "name one that is not there yet")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.mkdir()
    try:
        for table in TABLES.values():
            batches = table.batches(store, run, names=False)
            (_write_csv if form == "csv" else _write_parquet)(table, batches, temporary / f"{table.name}.{form}")
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_csv(table: Table, batches: Iterator[pa.RecordBatch], file: Path) -> None:
    with pyarrow.csv.CSVWriter(file, table.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_parquet(table: Table, batches: Iterator[pa.RecordBatch], file: Path) -> None:
    with pyarrow.parquet.ParquetWriter(file, table.schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
