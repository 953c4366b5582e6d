"""Reads text and JSON that may be large, damaged or hostile: as a stream, with bounds on every size.

UTF-8 (with or without a byte order mark) and UTF-16 (with one) are read; other bytes are a fault. A JSON file is read
value by value: the entries of its outermost array, or, of its outermost object, the entries of every member that is an
array and every other member as a whole. Of a file named `.jsonl` or `.ndjson` every line is one value.

What is sound and strict is decoded by orjson: a file of usual size at once, the entries of a longer one in batches. The
standard library reads the rest value by value: NaN and Infinity, which JSON has not, and what stands before a fault.
"""

import codecs
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import orjson

from data.errors import InputError

MAX_VALUE_CHARS = 256 << 20
"""Longest single JSON value: entries are read one at a time."""

HEAD_BYTES = 1 << 16
"""As much of a file is looked at to tell its format."""

LINES = (".jsonl", ".ndjson")

_WHOLE_CHARS = 16 << 20
_CHUNK = 1 << 20
_SPACE = " \t\r\n"
_NEXT_ENTRY = re.compile(r"(\s*,)[\s\[{]*\"?\w*")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def encoding_of(start: bytes) -> str:
    """Return the encoding that a file's first bytes tell."""
    return next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")


@contextmanager
def open_text(path: Path, newline: str | None = "") -> Iterator[TextIO]:
    """Open a text file; bytes that are no text are an InputError, wherever they are read.

    Args:
        path: of the file.
        newline: None makes all ends of lines the same.
    """
    try:
        with path.open("rb") as file:
            encoding = encoding_of(file.read(4))
        with path.open(encoding=encoding, newline=newline) as text:
            yield text
    except UnicodeError as error:
        raise InputError(
            f"the file is not {error.encoding if isinstance(error, UnicodeDecodeError) else 'UTF-8'} text",
            str(path),
            "write it as UTF-8",
        ) from error
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", str(path), "check the path") from error


def read_json(path: Path, limit: int = MAX_VALUE_CHARS) -> Any:
    """Return the one value of a small file."""
    with open_text(path) as text:
        content = text.read(limit + 1)
    if len(content) > limit:
        raise InputError(f"the file is longer than {limit} characters", str(path), "split the file")
    with suppress(ValueError):
        return orjson.loads(content)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error) from error


def stream_json(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield (member, value): member is the name in an outermost object, empty in an outermost array or line.

    Raises:
        InputError: where the file ends too early or is no JSON; what was yielded before is sound.
    """
    lines = path.suffix.lower() in LINES
    with open_text(path) as text:
        start = text.read(_WHOLE_CHARS)
        if len(start) < _WHOLE_CHARS:
            with suppress(ValueError):
                document = orjson.loads(f"[{','.join(filter(str.strip, start.split('\n')))}]" if lines else start)
                yield from _parts(document)
                return
        scanner = _Scanner(path, text, start)
        try:
            yield from _lines(scanner) if lines else _values(scanner)
        except UnicodeError:
            raise  # told as such by `open_text`
        except (ValueError, RecursionError) as error:
            raise _damaged(path, error) from error


def _parts(document: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(document, list):
        yield from (("", value) for value in document)
    elif isinstance(document, dict):
        for name, member in document.items():
            yield from ((name, value) for value in (member if isinstance(member, list) else [member]))
    else:
        yield "", document


def _lines(scanner: "_Scanner") -> Iterator[tuple[str, Any]]:
    while scanner.peek():
        yield "", scanner.value()


def _values(scanner: "_Scanner") -> Iterator[tuple[str, Any]]:
    while scanner.peek():
        if scanner.peek() == "[":
            yield from (("", value) for value in _entries(scanner))
        elif scanner.peek() == "{":
            scanner.take("{")
            more = scanner.peek() != "}"
            while more:
                name = scanner.value()
                scanner.take(":" if isinstance(name, str) else "a name")
                if scanner.peek() == "[":
                    yield from ((name, value) for value in _entries(scanner))
                else:
                    yield name, scanner.value()
                more = scanner.next_or("}")
            scanner.take("}")
        else:
            yield "", scanner.value()


def _entries(scanner: "_Scanner") -> Iterator[Any]:
    scanner.take("[")
    more = scanner.peek() != "]"
    while more:
        yield scanner.value()
        yield from scanner.batch()
        more = scanner.next_or("]")
    scanner.take("]")


class _Scanner:
    """A window over a text in which JSON values are found one after the other."""

    def __init__(self, path: Path, text: TextIO, start: str) -> None:
        self._path = path
        self._text = text
        self._buffer = start
        self._at = 0
        self._batched = False
        self._ended = False
        self._decode = json.JSONDecoder().raw_decode

    def peek(self) -> str:
        """Return the next character that is not space, empty at the end."""
        while True:
            while self._at < len(self._buffer) and self._buffer[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._fill():
                return ""

    def take(self, character: str) -> None:
        if (found := self.peek()) != character:
            raise ValueError(f"expected {character!r}, found {found!r}" if found else "it ends too early")
        self._at += 1

    def next_or(self, end: str) -> bool:
        """Step over a comma; returns False before `end`."""
        if self.peek() == end:
            return False
        self.take(",")
        return True

    def value(self) -> Any:
        """Return the next value. One that reaches the end of the window may be cut there: it is read again, longer."""
        self.peek()
        while True:
            try:
                value, end = self._decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                # Only a fault at the very end may be mended by more text; -30 covers a cut literal, number or escape.
                broken = error.pos < len(self._buffer) - 30 and "Unterminated string" not in error.msg
                if broken or not self._fill():
                    raise
            else:
                if end < len(self._buffer) or not self._fill():
                    self._at = end
                    return value

    def batch(self) -> list[Any]:
        """Return entries of the array that follow the one that was read, as far as the window has them whole.

        The window is cut before its last text that looks like the beginning of the next entry. If what stands before is
        JSON, it is whole entries: a cut inside of one would leave a bracket or a quotation mark open.
        """
        following = _NEXT_ENTRY.match(self._buffer, self._at)
        if self._batched or following is None:
            return []
        self._batched = True  # once a window, whether it succeeds or not
        cut = self._buffer.rfind(following[0])
        if cut == self._at:
            return []
        with suppress(ValueError):
            entries: list[Any] = orjson.loads(f"[{self._buffer[following.end(1) : cut]}]")
            self._at = cut
            return entries
        return []

    def _fill(self) -> bool:
        """Read more text; drops what was consumed. False at the end of the file."""
        if self._ended:
            return False
        kept = self._buffer[self._at :]
        if len(kept) > MAX_VALUE_CHARS:
            raise InputError(
                f"one value is longer than {MAX_VALUE_CHARS >> 20} million characters",
                str(self._path),
                "write long recordings as an array of frames, or split the file",
            )
        more = self._text.read(max(_CHUNK, len(kept)))
        self._ended = not more
        self._buffer, self._at, self._batched = kept + more, 0, False
        return not self._ended


def _damaged(path: Path, error: Exception) -> InputError:
    where = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
    return InputError("the file is not whole JSON", f"{path}: {where}", "it is cut short or damaged: write it again")
