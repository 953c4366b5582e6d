"""Fingerprints of the code that a node runs, so that an edit of the code changes the cache key.

TFX's own cache key contains the dotted path of a function but not its code. A fingerprint is the digest of a node's
module closure and of the lock file, which stands for all installed packages. The module closure is every module of this
project that the node imports, directly or indirectly, with the data files in the same folders.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from data.files import write_atomically
from data.project import PROJECT_ROOT

_CODE = {".py", ".pyc"}
_SETTLED_NS = 2 * 10**9  # a file that was edited more recently may be edited again without a new time

_PARAMETER_FOLDERS = {"schema"}
"""Packages whose data files count for the nodes that get them as parameters, not for all that import the package."""

ENTRY_POINTS = (
    "components.edge_converter.worker",
    "serving_targets.sandbox.run_saved_model",
    "serving_targets.sandbox.run_tflite",
)
"""Modules that executors start as processes of their own, by name. A test finds one that is missing here."""


@dataclass(frozen=True)
class Closure:
    """The code that some modules depend on.

    Attributes:
        files: files of this project, sorted.
        foreign: names of the modules of other projects that are imported.
    """

    files: tuple[Path, ...]
    foreign: frozenset[str]

    def digest(self, extra: Iterable[Path] = ()) -> str:
        """Return the SHA-256 digest of the names and contents of the files, of `extra` files and of the lock file."""
        state = hashlib.sha256()
        root = f"{PROJECT_ROOT}{os.sep}"
        for path in sorted({str(path) for path in (*self.files, *extra, PROJECT_ROOT / "uv.lock")}):
            name = path.removeprefix(root) if path.startswith(root) else os.path.basename(path)  # noqa: PTH119
            state.update(name.encode() + b"\0" + _file_digest(path))
        return state.hexdigest()

    def short_digests(self) -> dict[str, str]:
        """Return each file's path, relative to the project's root, with a short digest of its content."""
        return {str(path.relative_to(PROJECT_ROOT)): _file_digest(str(path)).hex()[:12] for path in self.files}


def closure(modules: Iterable[str]) -> Closure:
    """Return the code that modules depend on.

    An entry point (`ENTRY_POINTS`) belongs to it if its name is a string in the code. Its files are added to the
    closure, but not the modules of other projects that it imports, because it imports them in a process of its own.

    Args:
        modules: dotted names of modules.
    """
    files, foreign, started = _follow(modules, set())
    while started:
        more, _, started = _follow(started, files)
        files |= more
    return Closure(tuple(sorted(files)), frozenset(foreign))


def _follow(modules: Iterable[str], known: set[Path]) -> tuple[set[Path], set[str], set[str]]:
    """Return the files, the imported modules of other projects, and the entry points that are not `known` yet."""
    files: set[Path] = set()
    foreign: set[str] = set()
    started: set[str] = set()
    waiting, seen = list(modules), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        path = _module_file(name)
        if path is None:
            parent = name.rpartition(".")[0]
            if _module_file(name.partition(".")[0]) is None:
                foreign.add(name)
            elif parent:
                waiting.append(parent)  # `from package import name`, and the name is not a module
            continue
        files.add(path)
        if path.name == "__init__.py" and name not in _PARAMETER_FOLDERS:
            files.update(p for p in path.parent.iterdir() if p.is_file() and p.suffix not in _CODE)
        if "." in name:
            waiting.append(name.rpartition(".")[0])  # importing a module runs its packages' __init__
        imported, named = _names(path, name)
        waiting.extend(imported)
        started.update(named)
    return files, foreign, {name for name in started if _module_file(name) not in {None, *files, *known}}


def _module_file(name: str) -> Path | None:
    base = os.path.join(PROJECT_ROOT, *name.split("."))  # noqa: PTH118 (called thousands of times in every run)
    for path in (f"{base}{os.sep}__init__.py", f"{base}.py"):
        if os.path.isfile(path):  # noqa: PTH113
            return Path(path)
    return None


@contextlib.contextmanager
def remembering(file: Path) -> Iterator[None]:
    """Take the imports of modules that have not changed from a file, and put those that had to be read into it.

    A file that is missing, damaged or from another version of this module costs time, nothing else.
    """
    begin, version = time.time_ns(), _file_digest(__file__).hex()
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["version"] == version:
            _remembered.update({name: _Imports(*map(tuple, entry)) for name, entry in content["modules"].items()})
    before = dict(_remembered)
    yield
    if _remembered != before:
        settled = {name: entry for name, entry in _remembered.items() if max(entry.state[1:3]) < begin - _SETTLED_NS}
        with contextlib.suppress(OSError):
            write_atomically(file, json.dumps({"version": version, "modules": settled}))


class _Imports(NamedTuple):
    """What a module imports: state of its file, imported names, and entry points that it names in strings."""

    state: tuple[int, ...]
    imported: tuple[str, ...]
    named: tuple[str, ...]


_remembered: dict[str, _Imports] = {}


def _names(path: Path, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    status = path.stat()
    state = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    key = f"{name} {path}"
    known = _remembered.get(key)
    if known is None or known.state != state:
        known = _remembered[key] = _Imports(state, *_read_names(path, name))
    return known.imported, known.named


def _read_names(path: Path, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names that a module imports, and the entry points that it names in strings."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    imported: list[str] = []
    source = path.read_bytes()
    for node in _statements(ast.parse(source, str(path))):
        if isinstance(node, ast.Import):
            imported.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            imported.append(base)
            imported.extend(f"{base}.{alias.name}" for alias in node.names)
    named = [name for name in ENTRY_POINTS if f'"{name}"'.encode() in source or f"'{name}'".encode() in source]
    return tuple(imported), tuple(named)


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield all statements of a module; only they can be imports, and there are far fewer of them than nodes."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, block, ())
            waiting.extend(inner if isinstance(inner, list) else ())


def _file_digest(path: str) -> bytes:
    status = os.stat(path)  # noqa: PTH116
    if time.time_ns() - status.st_mtime_ns < _SETTLED_NS:
        return hashlib.sha256(Path(path).read_bytes()).digest()
    return _settled_digest(path, status.st_mtime_ns, status.st_size)


@functools.cache
def _settled_digest(path: str, _modified: int, _size: int) -> bytes:
    return hashlib.sha256(Path(path).read_bytes()).digest()
