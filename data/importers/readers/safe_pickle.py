"""A reader of pickles that hold only arrays and plain containers; it never calls a function that a pickle names.

The pickle is run by the pure-Python unpickler of the standard library, reduced to an allow-list of instructions. These
build None, booleans, numbers, text, bytes, lists, tuples and dictionaries. The few names that NumPy 1 and 2 write are
replaced by small classes of this module, which compare shapes with the bytes that are present and reject arrays of
Python objects. Large byte strings stay in the file until their array is needed.

An allow-list in `find_class` of the public unpickler, which is written in C, was measured (Python 3.12) and is not
enough, because that unpickler acts on more than names:

- It hashes a dictionary key before anybody can look at it. A key of 24 nested tuples, a file of 55 bytes, takes 0.2 s,
  and every further level doubles the time. Here keys are text, bytes or numbers.
- It reserves memory for a memo index before that is used: a file of 9 bytes takes 4 GB. Here the memo is a dictionary.
- It holds all byte strings in memory: 208 MB for an annotation file of 206 MB, against 21 MB here.

The price is speed: 10,000 annotations take 2.1 s instead of 0.3 s. The private class `pickle._Unpickler` may change
with a new version of Python; `tests/data/importers/test_hostile.py` would then fail.
"""

import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np

from data.errors import InputError

MAX_ARRAY_BYTES = 1 << 30
"""Size of the largest array."""

MAX_OBJECTS = 1 << 26
"""Largest number of instructions in a pickle."""

LAZY_BYTES = 1 << 10
"""Size in bytes from which a byte string stays in the file until it is needed."""

_PLAIN_OPCODES = (
    *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP"),
    *("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET"),
    *("NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    *("EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("EMPTY_DICT", "DICT", "SETITEM", "SETITEMS"),
    *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
)
_KEYS = (str, bytes, int, float, bool, type(None))
_SIZES = {"f": (2, 4, 8), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "b": (1,)}
_DTYPES = {f"{kind}{size}" for kind, sizes in _SIZES.items() for size in sizes}


class _UnsafeError(Exception):
    """The pickle contains something that is never read."""


@dataclass(frozen=True, slots=True)
class LazyBytes:
    """A byte string that is still in the file.

    Attributes:
        file: the open pickle.
        at: position of the first byte.
        size: number of bytes.
    """

    file: IO[bytes]
    at: int
    size: int

    def read(self) -> bytes:
        """Return the bytes."""
        here = self.file.tell()
        self.file.seek(self.at)
        content = self.file.read(self.size)
        self.file.seek(here)
        return content


class PickledArray:
    """An array in a pickle, whose content stays in the file until `read` is called."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = ()
        self._dtype: np.dtype | None = None
        self._fortran = False
        self._content: bytes | LazyBytes = b""

    def set(self, shape: Any, dtype: Any, fortran: Any, content: Any) -> None:
        """Set shape, type and content from the pickle; raise `_UnsafeError` if they do not fit together."""
        if not isinstance(dtype, _Dtype):
            raise _UnsafeError("an array has a type that is not numeric")
        if isinstance(content, str):
            content = content.encode("latin-1")  # as Python 2 wrote bytes
        if not isinstance(content, (bytes, LazyBytes)):
            raise _UnsafeError("an array holds Python objects")
        if not isinstance(shape, tuple) or len(shape) > 8 or not all(type(n) is int and n >= 0 for n in shape):
            raise _UnsafeError("an array has a malformed shape")
        size = dtype.dtype.itemsize
        for length in shape:
            size *= length
        given = content.size if isinstance(content, LazyBytes) else len(content)
        if size != given or size > MAX_ARRAY_BYTES:
            raise _UnsafeError(f"an array should have {size} bytes and has {given}")
        self.shape, self._dtype, self._fortran, self._content = shape, dtype.dtype, bool(fortran), content

    def read(self) -> np.ndarray:
        """Return the array."""
        if self._dtype is None:
            raise InputError("an array has no content", None, "write the pickle again, it is damaged")
        content = self._content.read() if isinstance(self._content, LazyBytes) else self._content
        return np.frombuffer(content, self._dtype).reshape(self.shape, order="F" if self._fortran else "C")


@dataclass(slots=True)
class _Dtype:
    """Stand-in for `numpy.dtype`."""

    dtype: np.dtype


def _make_dtype(code: Any, *_: Any) -> _Dtype:
    if not isinstance(code, str) or code.lstrip("<>|=") not in _DTYPES:
        raise _UnsafeError(f"an array is of type {str(code)[:20]!r}")
    return _Dtype(np.dtype(code))


class _ObjectType:
    """Stand-in for the type of Python objects."""


def _make_any_dtype(code: Any, *rest: Any) -> "_Dtype | _ObjectType":
    return _ObjectType() if code in ("O8", "|O8", "O") else _make_dtype(code, *rest)


def _make_array(*_: Any) -> PickledArray:
    return PickledArray()


def _make_scalar(dtype: Any, content: Any) -> Any:
    array = PickledArray()
    array.set((), dtype, False, content)
    return array.read().item()


def _from_buffer(content: Any, dtype: Any, shape: Any, order: Any, *_: Any) -> PickledArray:
    array = PickledArray()
    array.set(shape, dtype, order == "F", content)
    return array


def _encode(text: Any, encoding: Any, *_: Any) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise _UnsafeError("it encodes text as something other than Latin-1")
    return text.encode("latin-1")


def _container(kind: type) -> Callable[..., Any]:
    def make(*arguments: Any) -> Any:
        if len(arguments) > 1 or not all(isinstance(one, (list, tuple)) for one in arguments):
            raise _UnsafeError("it calls list() or tuple() with something other than one list or tuple")
        return kind(*arguments)

    return make


class _Name:
    """Stand-in for a class that a pickle names but does not call."""


_NAMES: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Name,
    ("numpy", "dtype"): _make_dtype,
    ("_codecs", "encode"): _encode,
    ("builtins", "list"): _container(list),
    ("builtins", "tuple"): _container(tuple),
    ("collections", "OrderedDict"): lambda: {},
    **{
        (f"numpy.{core}.{module}", name): value
        for core in ("core", "_core")
        for module, name, value in (
            ("multiarray", "_reconstruct", _make_array),
            ("multiarray", "scalar", _make_scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
}
_CALLABLES = tuple(value for value in _NAMES.values() if value is not _Name)


class _Unpickler(pickle._Unpickler):  # type: ignore[name-defined,misc]
    """The standard library's unpickler in Python, with an allow-list of instructions, names and calls."""

    dispatch: ClassVar[dict[int, Callable[..., Any]]] = {}

    def __init__(self, file: IO[bytes], size: int) -> None:
        super().__init__(file, encoding="latin-1")
        self._source = file
        self._size = size
        self._steps = 0

    def load(self) -> Any:
        # Frames only help readers that read ahead; their content is in the file as it would be without them.
        self.read = self._take
        self.readline = self._take_line
        self.memo: dict[int, Any] = {}
        self.metastack: list[list[Any]] = []
        self.stack: list[Any] = []
        self.append = self.stack.append
        self.proto = 0
        try:
            while True:
                self._steps += 1
                if self._steps > MAX_OBJECTS:
                    raise _UnsafeError(f"it has more than {MAX_OBJECTS} instructions")
                code = self._take(1)[0]
                step = self.dispatch.get(code)
                if step is None:
                    raise _UnsafeError(f"it has the instruction {bytes([code])!r}, which is not needed for arrays")
                step(self)
        except pickle._Stop as stop:  # type: ignore[attr-defined]
            return stop.value

    def find_class(self, module: str, name: str) -> Any:
        found = _NAMES.get((module, name))
        if found is None:
            raise _UnsafeError(f"it names {module[:60]}.{name[:60]}, which no array needs")
        return found

    def _take(self, count: int) -> bytes:
        if count < 0 or count > self._size - self._source.tell():
            raise EOFError("it is truncated")
        return self._source.read(count)

    def _take_line(self) -> bytes:
        line = self._source.readline(1 << 24)
        if not line.endswith(b"\n"):
            raise EOFError("it is truncated")
        return line

    def _bytes_of(self, size: int) -> None:
        if size < LAZY_BYTES:
            self.append(self._take(size))
            return
        if size < 0 or size > self._size - self._source.tell():
            raise EOFError("it is truncated")
        self.append(LazyBytes(self._source, self._source.tell(), size))
        self._source.seek(size, 1)

    def load_frame(self) -> None:
        self._take(8)

    def load_binbytes(self) -> None:
        self._bytes_of(struct.unpack("<I", self._take(4))[0])

    def load_binbytes8(self) -> None:
        self._bytes_of(struct.unpack("<Q", self._take(8))[0])

    def load_binstring(self) -> None:
        self._bytes_of(struct.unpack("<i", self._take(4))[0])

    load_bytearray8 = load_binbytes8

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        if not any(function is known for known in _CALLABLES) or not isinstance(arguments, tuple):
            raise _UnsafeError("it calls something that no array needs")
        self.stack[-1] = function(*arguments)

    def load_build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, PickledArray) and isinstance(state, tuple) and len(state) == 5:
            target.set(*state[1:])
        elif isinstance(target, _Dtype) and isinstance(state, tuple) and len(state) > 1:
            if state[1] not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
                raise _UnsafeError("an array's type has fields")
            self.stack[-1] = target
            target.dtype = target.dtype.newbyteorder(state[1])
        else:
            raise _UnsafeError("it sets the state of something that is not an array")

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def load_setitems(self) -> None:
        items = self.pop_mark()  # type: ignore[attr-defined]
        self._set(items)

    def load_dict(self) -> None:
        items = self.pop_mark()  # type: ignore[attr-defined]
        self.append({})
        self._set(items)

    def load_appends(self) -> None:
        items = self.pop_mark()  # type: ignore[attr-defined]
        self._list().extend(items)

    def load_append(self) -> None:
        value = self.stack.pop()
        self._list().append(value)

    def _list(self) -> list[Any]:
        if type(self.stack[-1]) is not list:
            raise _UnsafeError("it appends to something that is not a list")
        return self.stack[-1]

    def _set(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not dict or not all(type(key) in _KEYS for key in items[::2]):
            raise _UnsafeError("a dictionary has a key that is neither text nor number")
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))


_ALL = pickle._Unpickler.dispatch  # type: ignore[attr-defined]
_Unpickler.dispatch = {
    code: getattr(_Unpickler, _ALL[code].__name__) for code in (getattr(pickle, name)[0] for name in _PLAIN_OPCODES)
}


class _ObjectUnpickler(_Unpickler):
    """An unpickler that reads an array of Python objects as the list of these objects, which are plain values, too."""

    dispatch: ClassVar[dict[int, Callable[..., Any]]] = {
        **_Unpickler.dispatch,
        pickle.BUILD[0]: lambda self: self.load_build(),
        pickle.REDUCE[0]: lambda self: self.load_reduce(),
    }

    def find_class(self, module: str, name: str) -> Any:
        return _make_any_dtype if (module, name) == ("numpy", "dtype") else super().find_class(module, name)

    def load_reduce(self) -> None:
        if self.stack[-2] is _make_any_dtype and isinstance(self.stack[-1], tuple):
            arguments = self.stack.pop()
            self.stack[-1] = _make_any_dtype(*arguments)
        else:
            super().load_reduce()

    def load_build(self) -> None:
        state, target = self.stack[-1], self.stack[-2]
        if isinstance(target, _ObjectType):
            self.stack.pop()
        elif isinstance(target, PickledArray) and isinstance(state, tuple) and isinstance(state[2], _ObjectType):
            if type(state[-1]) is not list:
                raise _UnsafeError("an array of objects has no list of them")
            self.stack.pop()
            self.stack[-1] = state[-1]
        else:
            super().load_build()


def open_pickle(file: BufferedReader, path: Path) -> Any:
    """Return the content of a pickle, with a `PickledArray` for each array.

    Args:
        file: the open pickle; it must stay open until the arrays are read.
        path: path of the file, for its size and for errors.

    Raises:
        InputError: if it is damaged, or contains anything but arrays and plain containers.
    """
    return _loaded(_Unpickler(file, path.stat().st_size), str(path))


def plain_values(content: bytes, where: str, *, with_objects: bool = False) -> Any:
    """Return the content of a pickle in memory, such as an attribute that PyTables wrote.

    Args:
        content: the pickle.
        where: its place, for errors.
        with_objects: whether it may have an array of objects, which becomes a list of plain values.

    Raises:
        InputError: if it is damaged, or contains anything but arrays and plain containers.
    """
    unpickler = _ObjectUnpickler if with_objects else _Unpickler
    return _loaded(unpickler(BytesIO(content), len(content)), where)


def _loaded(unpickler: _Unpickler, where: str) -> Any:
    try:
        return unpickler.load()
    except _UnsafeError as error:
        raise InputError(f"the pickle is rejected: {error}", where, "write annotations as arrays and lists") from error
    except (
        EOFError,
        pickle.UnpicklingError,
        ValueError,
        TypeError,
        IndexError,
        KeyError,
        AttributeError,
        OverflowError,
        RecursionError,
        struct.error,
    ) as error:
        place = f"{where}: {str(error)[:200]}"
        raise InputError("the file is not a complete pickle", place, "download or write it again") from error
