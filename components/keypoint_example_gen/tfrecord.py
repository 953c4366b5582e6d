"""Writes gzipped TFRecord files: the same records give the same bytes."""

import gzip
import struct
from collections.abc import Iterable
from pathlib import Path

from google_crc32c import value as crc32c


def write_tfrecord(path: Path, records: Iterable[bytes]) -> None:
    """Write a file beside `path` and rename it into place.

    A low compression level: noise in the last bits of coordinates does not pack better for more effort.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Outside the folder: whatever lies in it is read as data.
    staging = path.parent.with_name(f".{path.parent.name}-{path.name}")
    with staging.open("wb") as file, gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=file, mtime=0) as z:
        for record in records:
            length = struct.pack("<Q", len(record))
            z.write(b"".join([length, _masked(length), record, _masked(record)]))
    staging.rename(path)


def _masked(content: bytes) -> bytes:
    checksum = crc32c(content)
    return struct.pack("<I", ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF)
