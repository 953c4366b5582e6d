"""The shape of the code: small folders, small functions, no import circles, one module for each written file."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from tools.architecture import FOLDERS, read_imports

PROJECT = Path(__file__).parents[1]
CODE = (*(folder.split("/")[0] for folder in FOLDERS.values()), "tools")
MOST_FILES = 15
MOST_LINES = 60

PAYLOAD_FILES = (
    "verdict.json",
    "metrics.json",
    "push.json",
    "sequences.parquet",
    "conversion.json",
    "training.json",
    "evaluation.npz",
    "golden.npz",
    "manifest.json",
)
"""Files inside artifacts and bundles that more than one part of the project reads."""


@functools.cache
def _modules() -> dict[Path, ast.Module]:
    """Return the syntax trees of all modules, without tests."""
    files = (file for folder in CODE for file in sorted((PROJECT / folder).rglob("*.py")))
    return {file.relative_to(PROJECT): ast.parse(file.read_text(encoding="utf-8")) for file in files}


@functools.cache
def _imports() -> grimp.ImportGraph:
    return read_imports()


def test_no_folder_has_too_many_modules() -> None:
    folders = [path.parent for path in _modules()]
    folders += [path.relative_to(PROJECT).parent for path in (PROJECT / "tests").rglob("*.py")]
    full = {str(folder): folders.count(folder) for folder in set(folders) if folders.count(folder) > MOST_FILES}
    assert full == {}


def test_no_function_is_too_long() -> None:
    long = {
        f"{path}:{node.lineno} {node.name}": length
        for path, tree in _modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (length := _count_lines(node)) > MOST_LINES
    }
    assert long == {}


def _count_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function, decorators included."""
    first = min(node.lineno for node in (function, *function.decorator_list))
    return (function.end_lineno or function.lineno) - first + 1


def test_every_module_says_what_it_is() -> None:
    silent = [str(path) for path, tree in _modules().items() if not ast.get_docstring(tree)]
    assert silent == []


def test_no_modules_import_each_other() -> None:
    graph = _imports()
    circles = []
    for module in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(module)):
            back = graph.find_shortest_chain(importer=imported, imported=module)
            if back:
                circles.append(" > ".join((module, *back)))
    assert circles == []


@pytest.mark.parametrize("package", FOLDERS)
def test_no_folders_of_a_package_import_each_other(package: str) -> None:
    graph = _imports()
    folders = [package, *(m for m in graph.modules if m.startswith(f"{package}.") and graph.find_children(m))]
    for folder in folders:
        members = sorted(graph.find_children(folder))
        both_ways = [
            (one, other)
            for number, one in enumerate(members)
            for other in members[:number]
            if graph.direct_import_exists(importer=one, imported=other, as_packages=True)
            and graph.direct_import_exists(importer=other, imported=one, as_packages=True)
        ]
        assert both_ways == []


DRAWING = ("rich.console", "rich.markup", "rich.print", "rich.text", "jinja2")
"""Modules that put names from outside on a terminal or a page, where brackets, tags and escapes have an effect."""
DRAWN_BY = ("data/output/terminal.py", "data/output/pages.py")
PRINTING = ("print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write")
SAID_BY = ("data/text.py", "serving_targets/sandbox/", "tools/", "benchmarks/", "dags/")
"""Where text may be printed as it is: `say`, what a parent process reads, and programs for developers."""


def test_whatever_is_shown_is_made_visible_first() -> None:
    raw = []
    for path, tree in _modules().items():
        where = path.as_posix()
        for node in _at_run_time(tree):
            found: list[str] = []
            if isinstance(node, ast.Import | ast.ImportFrom) and where not in DRAWN_BY:
                module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                names = [module.rstrip("."), *(module + alias.name for alias in node.names)]
                found = [name for name in names if name in DRAWING]
            elif isinstance(node, ast.Call) and not where.startswith(SAID_BY):
                found = [name for name in PRINTING if ast.unparse(node.func) == name]
            raw += [f"{where}: {name}" for name in found]
    assert raw == [], "use say, say_json, Terminal, styled, stacked or templates of data/"


def _at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a module, without the imports for the type checker."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from _at_run_time(node)


@pytest.mark.parametrize("name", PAYLOAD_FILES)
def test_one_module_knows_the_name_of_a_payload_file(name: str) -> None:
    whole = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w-])")
    knowing = [str(path) for path in _modules() if whole.search((PROJECT / path).read_text(encoding="utf-8"))]
    assert len(knowing) == 1, knowing
