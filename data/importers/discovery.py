"""Finds the files of an import and detects their format from their names and first bytes."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from data.errors import InputError
from data.importers.bounded_reading import regular_size
from data.importers.clips.types import Format, Head, Source
from data.importers.formats.registry import FORMATS
from data.importers.frame_files import joined
from data.importers.readers.json_stream import HEAD_BYTES, encoding_of
from data.importers.unknown_file import unknown_file

PROBES = 200
"""Largest number of files by whose beginnings the format of a folder is recognised."""


def find_sources(paths: Sequence[Path], format_name: str | None) -> tuple[Format, list[Source], list[str]]:
    """Return the format, the sources in a fixed order, and notes on files that are not read.

    Args:
        paths: files and folders.
        format_name: name of the format; None to recognise it.

    Raises:
        InputError: for an unknown format, a missing path, or files of an unknown format or of several formats.
    """
    if format_name is not None and format_name not in FORMATS:
        raise InputError(f"format {format_name!r} is unknown", None, f"known formats: {', '.join(FORMATS)}")
    files: list[tuple[Path, str]] = []
    for path in paths:
        if not path.exists():
            raise InputError("the source does not exist", str(path), "check the path")
        if not path.is_dir():
            regular_size(path)
        files += list(_walk(path))
    where = ", ".join(map(str, paths))
    format_ = FORMATS[format_name] if format_name else _find_format([path for path, _ in files], where)
    given = {path for path in paths if path.is_file()}
    chosen = [(path, name) for path, name in files if path in given or path.name.lower().endswith(format_.suffixes)]
    if not chosen:
        raise InputError(
            f"the folder holds no {' or '.join(format_.suffixes)} file", where, "check the path and the format"
        )
    other = Counter(path.suffix or path.name for path, _ in files) - Counter(p.suffix or p.name for p, _ in chosen)
    kinds = ", ".join(f"{count} {suffix}" for suffix, count in other.most_common(5))
    format_, sources = joined(format_, format_.gather(chosen))
    return format_, sources, [f"files of other kinds were not read: {kinds}"] if kinds else []


def detect(path: Path) -> Format | None:
    """Return the format of a file, recognised by its name and beginning; None if it is unknown or unreadable."""
    try:
        with path.open("rb") as file:
            data = file.read(HEAD_BYTES)
    except OSError:
        return None  # the error is reported when the file is read
    head = Head(path, data.decode(encoding_of(data), errors="ignore") if b"\0" not in data[:1] else "", data)
    suited = (one for one in FORMATS.values() if path.name.lower().endswith(one.suffixes))
    return next((one for one in suited if one.detect(head)), None)


def _walk(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files of a path with their names: the path below the imported folder, without the ending."""
    if path.is_file():
        yield path, path.stem
        return
    for file in sorted(path.rglob("*")):
        below = file.relative_to(path)
        if file.is_file() and not any(part.startswith(".") for part in below.parts):
            yield file, below.with_suffix("").as_posix()


def _find_format(files: list[Path], where: str) -> Format:
    endings = tuple(suffix for one in FORMATS.values() for suffix in one.suffixes)
    known = [path for path in files if path.name.lower().endswith(endings)]
    probes = known[:: max(1, -(-len(known) // PROBES))]
    found = Counter(one.name for path in probes if (one := detect(path)))
    if not found:
        if not files:
            raise InputError("the folder holds no file", where, "check the path")
        seen, advice = unknown_file((probes or files)[0])
        raise InputError(f"the format of the files is not recognised: {seen}", where, advice)
    if len(found) > 1:
        counts = ", ".join(f"{count} {name}" for name, count in found.most_common())
        raise InputError(
            f"there are files of several formats: {counts}",
            where,
            "name one with --from, or import the folders separately",
        )
    return FORMATS[next(iter(found))]
