"""Writes gzipped TFRecord files, with the same bytes whenever the records are the same."""

import gzip
import struct
from collections.abc import Iterable
from pathlib import Path

from google_crc32c import value as crc32c


def write_tfrecord(path: Path, records: Iterable[bytes]) -> None:
    """Write a gzipped TFRecord file atomically.

    The compression level is low, because the last bits of coordinates are noise, which no level compresses.

    Args:
        path: file to write.
        records: serialized records.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not in the folder of the split: all files there are read as data.
    staging = path.parent.with_name(f".{path.parent.name}-{path.name}")
    with staging.open("wb") as file, gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=file, mtime=0) as z:
        for record in records:
            length = struct.pack("<Q", len(record))
            z.write(b"".join([length, _masked(length), record, _masked(record)]))
    staging.rename(path)


def _masked(content: bytes) -> bytes:
    checksum = crc32c(content)
    return struct.pack("<I", ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF)
