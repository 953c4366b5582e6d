"""The files of a new pipeline: made anew, or merged with what the user has changed since they were made."""

from __future__ import annotations

import difflib
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from data.errors import InputError
from data.files import write_atomically
from pipelines.new_project.choices import Choice, Choices
from pipelines.new_project.survey import Survey

SCHEMA_NAME = "schema.pbtxt"
MADE = ".made"
"""Folder with the files as they were made, by which the changes of the user are recognised."""


def config_text(name: str, data: str, survey: Survey, choices: Choices) -> str:
    """Return the text of the configuration, with a reason for every value.

    Args:
        name: name of the pipeline.
        data: data folder, absolute or relative to the configuration.
        survey: the span that the settings are for.
        choices: settings chosen for it.
    """
    people = len(survey.people)
    facts = f"{len(survey.clips)} clips, {len(survey.counts)} labels, {people or 'no known'} people"
    lines = [
        f"# Made by `poseline init` from {facts}.",
        "# Change what you know better: the next `poseline init` keeps your changes. `poseline config --config FILE`",
        "# prints every other key.",
        *(f"# Note: {warning}." for warning in choices.warnings),
        f"name: {name}",
        f"data: {_value(data)}",
        f"layout: {survey.layout.name}",
        f"schema_file: {SCHEMA_NAME}",
        "windows:",
        *_settings(choices.windows),
        "split:",
        *_settings(choices.split),
        "training:",
        *_settings(choices.training),
        "gates:",
        *_gates(choices.gates),
    ]
    if choices.only_warn.value:
        lines.append(f"only_warn: {_value(choices.only_warn.value)}  # {choices.only_warn.reason}")
    return "\n".join(lines) + "\n"


def write_project(folder: Path, texts: Mapping[str, str]) -> dict[str, str]:
    """Write the files of a pipeline; changes that the user made since the last time are kept.

    Args:
        folder: folder of the pipeline; it is made if it is missing.
        texts: name of each file to its text.

    Returns:
        Name of each file to the difference from its content before, empty if there is none.

    Raises:
        InputError: the folder has a file of that name which was not made by this function.
    """
    merged: dict[str, str] = {}
    for name, text in texts.items():
        file, made = folder / name, folder / MADE / name
        if file.exists() and not made.exists():
            raise InputError(
                f"the folder has a file {name} that was not made by `poseline init`", str(folder), "choose another name"
            )
        merged[name] = _merge(file.read_text("utf-8"), made.read_text("utf-8"), text) if file.exists() else text
    changes = {}
    for name, text in merged.items():
        file = folder / name
        before = file.read_text("utf-8") if file.exists() else ""
        changes[name] = "".join(
            difflib.unified_diff(before.splitlines(True), text.splitlines(True), f"{name} before", f"{name} now", n=1)
        )
        write_atomically(file, text)
        write_atomically(folder / MADE / name, texts[name])
    return changes


def _merge(own: str, made: str, new: str) -> str:
    """Return the new text with the user's changes, which have priority where both changed the same lines."""
    if own == made:
        return new
    with tempfile.TemporaryDirectory() as scratch:
        paths = [Path(scratch) / name for name in ("own", "made", "new")]
        for path, text in zip(paths, (own, made, new), strict=True):
            path.write_text(text, encoding="utf-8")
        command = ["git", "merge-file", "--ours", "-p", *map(str, paths)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


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
