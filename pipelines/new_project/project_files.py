"""The files of a new pipeline: made anew, or merged with what the user has changed since they were made."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from data.errors import InputError
from data.files import write_atomically
from data.settings.json_text import read_bytes
from data.text import plain_reason
from pipelines.new_project.choice import Choice
from pipelines.new_project.choices import Choices
from pipelines.new_project.survey import Survey

SCHEMA_NAME = "schema.pbtxt"
LAYOUT_NAME = "layout.yaml"
MADE = ".made"
"""Folder with the files as they were made, by which the changes of the user are recognised."""

_MOST_BYTES = 1_000_000


def config_text(name: str, data: str, survey: Survey, choices: Choices) -> str:
    """Return the text of the configuration, with a reason for every value.

    Args:
        name: name of the pipeline.
        data: data folder, absolute or relative to the configuration.
        survey: the span that the settings are for.
        choices: settings chosen for it.
    """
    known = len(survey.people)
    people = f"{known or 'no'} known {'person' if known == 1 else 'people'}"
    facts = f"{len(survey.clips)} clips, {len(survey.counts)} labels, {people}"
    lines = [
        f"# Made by `poseline init` from {facts}.",
        "# Change what you know better: the next `poseline init` keeps your changes. `poseline config --config FILE`",
        "# prints every other key.",
        *(f"# Note: {warning}." for warning in choices.warnings),
        f"name: {name}",
        f"data: {_value(data)}",
        f"layout: {LAYOUT_NAME if survey.layout.definition else survey.layout.name}",
        f"schema_file: {SCHEMA_NAME}",
        "windows:",
        *_settings(choices.windows),
        "split:",
        *_settings(choices.split),
        "training:",
        *_settings(choices.training),
        *(["  augmentation:"] if choices.augmentation else []),
        *(f"  {line}" for line in _settings(choices.augmentation)),
        "gates:",
        *_gates(choices.gates),
    ]
    return "\n".join(lines) + "\n"


def layout_text(definition: str) -> str:
    """Return the file of a layout of the user's own."""
    table = yaml.safe_dump(json.loads(definition), sort_keys=False, default_flow_style=None, width=100)
    return f"# Your own joints, as they were imported.\n{table}"


def write_project(folder: Path, texts: Mapping[str, str]) -> dict[str, str]:
    """Write the files of a pipeline; changes that the user made since the last time are kept.

    Args:
        folder: folder of the pipeline; it is made if it is missing.
        texts: name of each file to its text.

    Returns:
        Name of each file to the difference from its content before, empty if there is none.

    Raises:
        InputError: the folder has a file of that name, but not the text as it was made.
    """
    merged = {name: merged_text(folder, name, text) for name, text in texts.items()}
    changes = {}
    for name, text in merged.items():
        file = folder / name
        before = _read(file) if file.exists() else ""
        changes[name] = "".join(
            difflib.unified_diff(before.splitlines(True), text.splitlines(True), f"{name} before", f"{name} now", n=1)
        )
        write_atomically(file, text)
        write_atomically(folder / MADE / name, texts[name])
    return changes


def check_folder(folder: Path, config: str) -> None:
    """Raise an error if a folder has the files of another pipeline, whose schema would be replaced.

    Args:
        folder: folder of the pipeline.
        config: name of its configuration file.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise InputError("the place of the pipeline is no folder", str(folder), "choose another with --to")
    others = (file.name for file in sorted((folder / MADE).glob("*.yaml")) if file.name not in (config, LAYOUT_NAME))
    if other := next((name for name in others if (folder / name).exists()), None):
        raise InputError(
            f"the folder has the pipeline {other.removesuffix('.yaml')!r}, and a folder has one pipeline",
            str(folder),
            "choose another folder with --to",
        )


def merged_text(folder: Path, name: str, text: str) -> str:
    """Return the new text of a file with the changes that the user made since the last time.

    Args:
        folder: folder of the pipeline.
        name: name of the file.
        text: text as it is made now.

    Raises:
        InputError: the folder has a file of that name, but not the text as it was made.
    """
    file, made = folder / name, folder / MADE / name
    if not file.exists():
        return text
    if not made.exists():
        raise InputError(
            f"the folder has a file {name}, but no {MADE}/{name} that shows what in it is yours",
            str(folder),
            f"choose another folder with --to, or move {name} away to have it made anew",
        )
    return merge(_read(file), _read(made), text)


def _read(file: Path) -> str:
    try:
        return read_bytes(file, _MOST_BYTES).decode("utf-8")
    except (OSError, ValueError) as error:
        raise InputError(
            f"the file cannot be read: {plain_reason(error)}", str(file), "move it away to have it made anew"
        ) from error


def merge(own: str, made: str, new: str) -> str:
    """Return the new text with the changes that the user made; where both changed a line, that of the user stays.

    Args:
        own: text as it is now, with the user's changes.
        made: text as it was made.
        new: text as it is made now.
    """
    lines, updated = made.splitlines(True), new.splitlines(True)
    result: list[str] = []
    at = 0  # the next line of `made`
    ours, theirs = _edits(lines, own.splitlines(True)), _edits(lines, updated)
    for edit in sorted([*ours, *(edit for edit in theirs if not any(edit.touches(other) for other in ours))]):
        result += lines[at : edit.first]
        result += edit.lines
        at = edit.last
    return "".join([*result, *lines[at:]])


class _Edit(NamedTuple):
    """Lines `first` to `last` (exclusive) of a text that are replaced."""

    first: int
    last: int
    lines: tuple[str, ...]

    def touches(self, other: _Edit) -> bool:
        """Return whether two edits change the same line, or insert at the same place."""
        if self.first == self.last or other.first == other.last:
            return other.first <= self.first <= other.last or self.first <= other.first <= self.last
        return self.first < other.last and other.first < self.last


def _edits(before: Sequence[str], after: Sequence[str]) -> list[_Edit]:
    """Return the edits between two texts; a line that is replaced by a line is an edit of its own."""
    edits = []
    for kind, first, last, start, stop in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "replace" and last - first == stop - start:
            edits += [_Edit(first + n, first + n + 1, (after[start + n],)) for n in range(last - first)]
        elif kind != "equal":
            edits.append(_Edit(first, last, tuple(after[start:stop])))
    return edits


def _settings(choices: Mapping[str, Choice]) -> Iterator[str]:
    for name, choice in choices.items():
        yield f"  {name}: {_value(choice.value)}  # {choice.reason}"


def _gates(choices: Mapping[str, Choice]) -> Iterator[str]:
    section = ""
    for name, choice in choices.items():
        gate, _, threshold = name.partition(".")
        if gate != section:
            yield f"  {gate}:"
            section = gate
        yield f"    {threshold}: {_value(choice.value)}  # {choice.reason}"


def _value(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("...\n").strip()
