"""A reader of HDF5 files that may be damaged or hostile: only plain arrays of this file, each of a bounded size.

Datasets are opened by exact names. Links to other files, datasets whose content is elsewhere, types that hold objects
or references, and filters that load a library are rejected before anything is read. The library is written in C; a
file that crashes it, or makes it take too much, ends the child process of `bounded_reading` and is quarantined.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np

from data.errors import InputError
from data.text import harmless, listed

SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""First bytes of an HDF5 file."""

MAX_DATASET_BYTES = 512 << 20
"""Size of the largest dataset."""

MAX_ATTRIBUTE_BYTES = 1 << 20
"""Size of the largest attribute."""

_FILTERS = frozenset((1, 2, 3, 4, 5, 6, 32000))
"""Filters that come with the library: deflate, shuffle, Fletcher, szip, nbit, scale and LZF."""

_MOST_NAMES = 40


class Hdf5File:
    """An open HDF5 file; every error is an InputError that names file and dataset."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            import h5py
        except ImportError as error:
            raise InputError("HDF5 files need the package h5py", str(path), "install it: pip install h5py") from error
        self._h5py = h5py
        with self._explained("the file"):
            self._file = h5py.File(path, "r", locking=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def names(self) -> list[str]:
        """Names of the members of the file, as far as they are in it."""
        with self._explained("the file"):
            return list(self._file)[:_MOST_NAMES]

    def __contains__(self, name: str) -> bool:
        return self._object(name) is not None

    def described(self) -> str:
        """Return the names in the file, with types and shapes of datasets."""
        parts = []
        for name in self.names:
            try:
                found = self._object(name)
                with self._explained(name):  # NumPy has no equivalent of some types
                    is_dataset = isinstance(found, self._h5py.Dataset)
                    form = (
                        f"{found.dtype.kind}{found.dtype.itemsize} {list(found.shape or ())}" if is_dataset else "group"
                    )
            except InputError as error:
                form = error.what
            parts.append(f"{name} ({form})")
        return harmless(", ".join(parts), 500)

    def read(self, name: str) -> np.ndarray:
        """Return a dataset.

        Raises:
            InputError: if it is missing, too large, or is not a plain array of this file.
        """
        found = self._object(name)
        where = f"{self.path}, dataset {name!r}"
        if not isinstance(found, self._h5py.Dataset):
            raise InputError(f"dataset {name!r} is missing", f"{self.path} has {listed(self.names)}", None)
        with self._explained(name):
            if found.dtype.hasobject:  # texts of any length and references are objects, too
                raise InputError("a dataset holds objects or texts of any length", where, "write plain arrays")
            if found.is_virtual or found.external:
                raise InputError("a dataset is in another file", where, "write it into the file itself")
            if found.nbytes > MAX_DATASET_BYTES:
                limit = MAX_DATASET_BYTES >> 20
                raise InputError(f"a dataset takes {found.nbytes >> 20} MB, more than {limit} MB", where, "split it")
            settings = found.id.get_create_plist()
            used = {settings.get_filter(place)[0] for place in range(settings.get_nfilters())}
            if not used <= _FILTERS:
                raise InputError(f"a dataset is compressed with the filter {max(used)}", where, "use gzip")
            return np.asarray(found[()])

    def texts(self, name: str) -> list[str]:
        """Return a dataset of texts."""
        values = self.read(name)
        if values.dtype.kind not in "SU" or values.ndim != 1:
            raise InputError(f"dataset {name!r} does not hold texts in one row", str(self.path), None)
        return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values]

    def attribute(self, name: str, attribute: str) -> Any:
        """Return an attribute of a dataset or group as bytes, text or number; None if there is none."""
        found = self._object(name)
        if found is None:
            return None
        with self._explained(f"{name}, attribute {attribute}"):
            key = attribute.encode()
            if not self._h5py.h5a.exists(found.id, key):
                return None
            opened = self._h5py.h5a.open(found.id, key)
            if opened.get_storage_size() > MAX_ATTRIBUTE_BYTES:
                raise InputError(f"attribute {attribute!r} is too large", str(self.path), None)
            return found.attrs[attribute]

    def _object(self, name: str) -> Any:
        """Return the object of this name, None if there is none; it must be in this file."""
        here = self._file
        with self._explained(name):
            for part in name.split("/"):
                if not isinstance(here, self._h5py.Group):
                    return None
                link = here.get(part, getlink=True)
                if link is None:
                    return None
                if not isinstance(link, self._h5py.HardLink):
                    raise InputError(
                        f"{part!r} is a link to another place", str(self.path), "write the data into the file itself"
                    )
                here = here[part]
        return here

    @contextmanager
    def _explained(self, name: str) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError, AttributeError) as error:
            where = f"{self.path}, {name}: {str(error)[:200]}"
            raise InputError("the file cannot be read as HDF5", where, "write it again, it is damaged") from error
