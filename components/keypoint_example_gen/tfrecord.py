"""Writes gzipped TFRecord files, with the same bytes whenever the records are the same."""

import struct
from collections.abc import Iterable
from pathlib import Path

from google_crc32c import value as crc32c
from isal import igzip

from data.files import replacing


def write_tfrecord(path: Path, records: Iterable[bytes], staging: Path) -> None:
    """Write a gzipped TFRecord file atomically.

    ISA-L compresses as far as zlib at its level 1, several times as fast; the last bits of coordinates are noise, which
    no level compresses.

    Args:
        path: file to write.
        records: serialised records.
        staging: folder for the unfinished file, other than that of `path`, where all files are read as data.
    """
    with (
        replacing(path, staging) as temporary,
        temporary.open("wb") as file,
        igzip.IGzipFile(filename="", mode="wb", fileobj=file, mtime=0) as z,
    ):
        for record in records:
            length = struct.pack("<Q", len(record))
            z.write(b"".join([length, _masked(length), record, _masked(record)]))


def _masked(content: bytes) -> bytes:
    checksum = crc32c(content)
    return struct.pack("<I", ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF)
