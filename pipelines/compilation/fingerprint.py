"""Fingerprints of the code that a node runs.

TFX's cache key holds the dotted path of a function, not its body, so an edit goes unseen. A node's fingerprint is the
digest of its module closure (every module of this project that its entry points import, directly or not, at the top or
inside a function, with the data files beside them) and of the lock file, which stands for everything installed.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from data.project import PROJECT_ROOT

_CODE = {".py", ".pyc"}
_DOTTED = re.compile(r"[a-z_]\w*(\.[a-z_]\w*)+")


@dataclass(frozen=True)
class Closure:
    """Files of this project that some entry points stand on, and the packages from elsewhere that they import."""

    files: tuple[Path, ...]
    foreign: frozenset[str]

    def digest(self, extra: Iterable[Path] = ()) -> str:
        """Sha256 over names and contents of the files, of `extra` files and of the lock file."""
        state = hashlib.sha256()
        for path in sorted({*self.files, *extra, PROJECT_ROOT / "uv.lock"}):
            name = path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path.name
            state.update(str(name).encode() + b"\0" + _file_digest(path))
        return state.hexdigest()

    def short_digests(self) -> dict[str, str]:
        """File, as a path from the project's root, to a short digest; to say later which file was edited."""
        return {str(path.relative_to(PROJECT_ROOT)): _file_digest(path).hex()[:12] for path in self.files}


def closure(entry_points: Iterable[str]) -> Closure:
    """Follows imports from dotted module names; names of other projects end in `foreign`.

    A module whose name stands in the code as a string is one that is started as a process of its own: its files count,
    what it imports from elsewhere does not.
    """
    files, foreign, started = _follow(entry_points, set())
    while started:
        more, _, started = _follow(started, files)
        files |= more
    return Closure(tuple(sorted(files)), frozenset(foreign))


def _follow(entry_points: Iterable[str], known: set[Path]) -> tuple[set[Path], set[str], set[str]]:
    """Files, names of other projects, and names of modules that stand in strings and are not `known` yet."""
    files: set[Path] = set()
    foreign: set[str] = set()
    started: set[str] = set()
    waiting, seen = list(entry_points), set[str]()
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
                waiting.append(parent)  # `from package import name`: the name is no module
            continue
        files.add(path)
        if path.name == "__init__.py":
            files.update(p for p in path.parent.iterdir() if p.is_file() and p.suffix not in _CODE)
        if "." in name:
            waiting.append(name.rpartition(".")[0])  # importing a module runs its packages' __init__
        imported, named = _names(path, name)
        waiting.extend(imported)
        started.update(named)
    return files, foreign, {name for name in started if _module_file(name) not in {None, *files, *known}}


def _module_file(name: str) -> Path | None:
    base = PROJECT_ROOT.joinpath(*name.split("."))
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None


def _names(path: Path, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return _names_at(path, name, path.stat().st_mtime_ns)


@functools.cache
def _names_at(path: Path, name: str, _modified: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names that a module imports, and dotted names that stand in it as strings."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    imported: list[str] = []
    named: list[str] = []
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            imported.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            imported.append(base)
            imported.extend(f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _DOTTED.fullmatch(node.value):
            named.append(node.value)
    return tuple(imported), tuple(named)


def _file_digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()
