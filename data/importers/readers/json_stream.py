"""A streaming reader of text and JSON that may be large, damaged or hostile, with a limit on every size.

Text is UTF-8 (with or without a byte order mark) or UTF-16 (with one). A JSON file is read value by value: the entries
of its outermost array; or, of its outermost object, the entries of each member that is an array, and each other member
as a whole. In a file named `.jsonl` or `.ndjson` each line is one value.

orjson decodes strict JSON: a file of usual size at once, the entries of a longer one in batches. The standard library
reads everything else value by value: NaN and Infinity, which strict JSON does not have, and the part of a damaged file
before the damage.

ijson (3.6, its backend in C) is not used: for a TF.js recording of 87 MB it takes 2.0 s of CPU time against 0.9 s here,
it rejects NaN and Infinity, and it needs the names of members in advance. It would need less memory: 12 MB instead of
150 MB. The limits below bound the memory for a file of any size.
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
from data.text import plain_reason

MAX_VALUE_CHARS = 256 << 20
"""Length of the longest JSON value; a file may have any number of values."""

HEAD_BYTES = 1 << 16
"""Number of bytes at the beginning of a file by which its format is recognised."""

LINES = (".jsonl", ".ndjson")

_WHOLE_CHARS = 16 << 20
_CHUNK = 1 << 20
_SPACE = " \t\r\n"
_NEXT_ENTRY = re.compile(r"(\s*,)[\s\[{]*\"?\w*")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def encoding_of(start: bytes) -> str:
    """Return the encoding of a text file, by its first bytes."""
    return next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")


@contextmanager
def open_text(path: Path, newline: str | None = "") -> Iterator[TextIO]:
    """Open a text file; bytes that are not text raise an InputError when they are read.

    Args:
        path: the file.
        newline: as for `open`; None makes all line ends alike.

    Raises:
        InputError: if the file cannot be read or is not text.
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
    """Return the value of a small file.

    Args:
        path: the file.
        limit: largest number of characters.

    Raises:
        InputError: if the file is too long or is not JSON.
    """
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
    """Yield (member, value) for each value of a file.

    `member` is the value's name in the outermost object; it is empty for entries of an outermost array and for lines.

    Raises:
        InputError: where the file is truncated or is not JSON; the values before are correct.
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
            raise  # `open_text` explains it
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
    """A window that moves over a text, in which JSON values are decoded one after the other."""

    def __init__(self, path: Path, text: TextIO, start: str) -> None:
        self._path = path
        self._text = text
        self._buffer = start
        self._at = 0
        self._batched = False
        self._ended = False
        self._decode = json.JSONDecoder().raw_decode

    def peek(self) -> str:
        """Return the next character that is not white space, an empty text at the end."""
        while True:
            while self._at < len(self._buffer) and self._buffer[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._fill():
                return ""

    def take(self, character: str) -> None:
        """Skip this character; raise ValueError if there is another one."""
        if (found := self.peek()) != character:
            raise ValueError(f"expected {character!r}, found {found!r}" if found else "it is truncated")
        self._at += 1

    def next_or(self, end: str) -> bool:
        """Skip a comma and return True; return False if `end` comes first."""
        if self.peek() == end:
            return False
        self.take(",")
        return True

    def value(self) -> Any:
        """Return the next value.

        A value at the end of the window may be cut there; it is then decoded again with more text.
        """
        self.peek()
        while True:
            try:
                value, end = self._decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                # Only an error at the end can disappear with more text; -30 covers a cut literal, number or escape.
                broken = error.pos < len(self._buffer) - 30 and "Unterminated string" not in error.msg
                if broken or not self._fill():
                    raise
            else:
                if end < len(self._buffer) or not self._fill():
                    self._at = end
                    return value

    def batch(self) -> list[Any]:
        """Return the next entries of the array that are completely in the window.

        The window is cut before its last text that looks like the beginning of an entry. If the part before the cut is
        JSON, it consists of complete entries: a cut inside an entry would leave a bracket or a quotation mark open.
        """
        following = _NEXT_ENTRY.match(self._buffer, self._at)
        if self._batched or following is None:
            return []
        self._batched = True  # tried once per window
        cut = self._buffer.rfind(following[0])
        if cut == self._at:
            return []
        with suppress(ValueError):
            entries: list[Any] = orjson.loads(f"[{self._buffer[following.end(1) : cut]}]")
            self._at = cut
            return entries
        return []

    def _fill(self) -> bool:
        """Read more text, drop what was decoded, and return False at the end of the file."""
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
    where = "its values are nested too deeply" if isinstance(error, RecursionError) else plain_reason(error)[:200]
    return InputError("the file is not complete JSON", f"{path}: {where}", "write it again, it is truncated or damaged")
