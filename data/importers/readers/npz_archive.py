"""A reader of `.npz` archives that may be large, damaged or hostile: no pickles, and a limit on every array."""

import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, Self

import numpy as np

from data.errors import InputError
from data.importers.readers.safe_pickle import plain_values
from data.text import harmless, plain_reason

MAX_COLUMN_BYTES = 256 << 20
"""Size of the largest array that is read into memory as a whole."""

MAX_STREAM_BYTES = 8 << 30
"""Size of the largest array that is read in pieces."""

_DESCRIBED = 12

_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError),
    *(SyntaxError, TokenError),  # NumPy parses the header of an array as Python
)


@dataclass(frozen=True, slots=True)
class ArrayHeader:
    """Shape and type of an array in an archive.

    Attributes:
        shape: number of entries along each axis.
        dtype: type of the entries.
    """

    shape: tuple[int, ...]
    dtype: np.dtype


class NpzArchive:
    """An open `.npz` file; every error is an InputError that names file and array."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGE as error:
            raise InputError(
                f"the file cannot be read as .npz: {error}",
                str(path),
                "write it with numpy.savez; it is truncated or of another kind",
            ) from error
        size = path.stat().st_size
        if large := next((info for info in self._zip.infolist() if info.compress_size > size), None):
            # The standard library would allocate what is announced before it reads.
            raise InputError(
                "an array is longer than the file",
                f"{path}, array {harmless(large.filename, 80)!r}: {large.compress_size:,} of {size:,} bytes",
                "copy the file again, it is damaged",
            )
        self._members = {info.filename.removesuffix(".npy"): info for info in self._zip.infolist()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def __contains__(self, name: str) -> bool:
        return name in self._members

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all arrays."""
        return tuple(self._members)

    def described(self) -> str:
        """Return the names of the arrays with their types and shapes, as far as they can be read."""
        parts = []
        for name in list(self._members)[:_DESCRIBED]:
            try:
                header = self.header(name)
            except InputError as error:
                parts.append(f"{name} ({error.what})")
            else:
                parts.append(f"{name} ({header.dtype} {list(header.shape)})")
        more = f" and {len(self._members) - _DESCRIBED} more" if len(self._members) > _DESCRIBED else ""
        return harmless(", ".join(parts) + more, 500)

    def read(self, name: str) -> np.ndarray:
        """Return a whole array, read-only."""
        with self._open(name, MAX_COLUMN_BYTES) as (stream, header, fortran):
            values = np.frombuffer(stream.read(), header.dtype)
            if values.dtype.kind == "U":
                # NumPy makes texts of any 32 bits, and Python's own functions fail on what is no character.
                characters = values.view(np.dtype(np.uint32).newbyteorder(values.dtype.byteorder))
                if characters.max(initial=0) > sys.maxunicode:
                    raise ValueError("a text has a number that is no character")
            return values.reshape(header.shape, order="F" if fortran else "C")

    def objects(self, name: str) -> Any:
        """Return an array of Python objects as a list of plain values; no code in it is run."""
        info = self._members.get(name)
        where = f"{self.path}, array {name!r}"
        if info is None or info.file_size > MAX_COLUMN_BYTES:
            raise InputError("the array is missing or too large", where, None)
        try:
            with self._zip.open(info) as stream:
                version = np.lib.format.read_magic(stream)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                _, _, dtype = read(stream)
                if not dtype.hasobject:
                    raise ValueError("it does not hold objects")
                content = stream.read()
        except _DAMAGE as error:
            raise InputError(f"the array cannot be read: {error}", where, "write the file again") from error
        return plain_values(content, where, with_objects=True)

    def header(self, name: str) -> ArrayHeader:
        """Return the shape and type of an array without reading it."""
        with self._open(name, MAX_STREAM_BYTES) as (_, header, _):
            return header

    def stream(self, name: str, counts: Iterator[int] | list[int]) -> Iterator[np.ndarray]:
        """Yield an array in pieces along its first axis.

        Args:
            name: name of the array.
            counts: number of entries of each piece.
        """
        with self._open(name, MAX_STREAM_BYTES) as (stream, header, fortran):
            if fortran:
                raise InputError(
                    f"array {name!r} is in column order",
                    str(self.path),
                    "save numpy.ascontiguousarray(...) of it, so that it can be read as a stream",
                )
            entry = int(np.prod(header.shape[1:], dtype=np.int64)) * header.dtype.itemsize
            for count in counts:
                piece = np.frombuffer(stream.read(count * entry), header.dtype)
                yield piece.reshape(count, *header.shape[1:])

    @contextmanager
    def _open(self, name: str, limit: int) -> Iterator[tuple[IO[bytes], ArrayHeader, bool]]:
        """Open an array after its header, whose size must agree with the content."""
        where = f"{self.path}, array {name!r}"
        if name not in self._members:
            raise InputError(
                f"array {name!r} is missing",
                f"{self.path} has {self.described()}",
                "write the arrays that docs/data-formats.md describes",
            )
        info = self._members[name]
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputError("the array is compressed in a way that NumPy does not write", where, "write it with NumPy")
        if info.file_size > limit:
            raise InputError(
                f"the array takes {info.file_size >> 20} MB, more than {limit >> 20} MB", where, "split the file"
            )
        try:
            with self._zip.open(info) as stream:
                version = np.lib.format.read_magic(stream)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, fortran, dtype = read(stream)
                if dtype.hasobject:
                    raise ValueError("it holds Python objects, which are never loaded")
                size = int(np.prod(shape, dtype=object)) * dtype.itemsize
                if size != info.file_size - stream.tell():
                    raise ValueError(f"its header announces {size} bytes, but it has {info.file_size - stream.tell()}")
                yield stream, ArrayHeader(shape, dtype), fortran
        except _DAMAGE as error:
            raise InputError(
                f"the array cannot be read: {plain_reason(error)}",
                where,
                "download or write the file again, it is damaged",
            ) from error
