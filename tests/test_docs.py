"""What the documents name is there: links, and paths of the project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md"), *(PROJECT / ".github").rglob("*.md")])
FOLDERS = {path.name for path in PROJECT.iterdir() if path.is_dir() and not path.name.startswith(".")}
PLACEHOLDER = re.compile(r"[A-Z]{2,}|[*<>…]")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_lead_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)", text)
    gone = [target for target in targets if "://" not in target and not (document.parent / target).exists()]
    assert gone == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_paths_of_the_project_exist(document: Path) -> None:
    if document.name == "CHANGELOG.md":
        pytest.skip("it names what was")
    gone = [path for path in _named_paths(document) if not (PROJECT / path).exists()]
    assert gone == []


def _named_paths(document: Path) -> Iterator[str]:
    """Yield the paths in back quotes that begin with a folder of the project, with braces expanded."""
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^`[^`\n]+`:$", "", text, flags=re.MULTILINE)  # names of files that a walk makes
    for quoted in re.findall(r"`([^`\n]+)`", text):
        if quoted.partition("/")[0] in FOLDERS and "/" in quoted and not re.search(r"\s", quoted):
            yield from (path for path in _expand(quoted) if not PLACEHOLDER.search(path))


def _expand(path: str) -> Iterator[str]:
    before, brace, rest = path.partition("{")
    if not brace:
        yield path
        return
    inside, _, after = rest.partition("}")
    for choice in inside.split(","):
        yield from _expand(before + choice + after)
