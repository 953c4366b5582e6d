"""Creates or updates the configuration and the schema of a pipeline for a span."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import InputError
from data.store import find_span
from pipelines.config import load_config
from pipelines.new_project.choices import choose
from pipelines.new_project.project_files import SCHEMA_NAME, config_text, write_project
from pipelines.new_project.schema_text import schema_text
from pipelines.new_project.survey import measure_health, survey_span
from schema.window_contract import read_window_contract

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class CreatedProject:
    """The files of a pipeline and what they were made from.

    Attributes:
        config: configuration file.
        schema: schema file.
        span: folder of the span.
        clips: number of labelled clips.
        labels: all labels.
        people: number of known people.
        warnings: what the user should know about the figures of this pipeline.
        changes: name of each file to its difference from before; empty for unchanged files and the first time.
        is_new: whether there were no files before.
    """

    config: str
    schema: str
    span: str
    clips: int
    labels: list[str]
    people: int
    warnings: tuple[str, ...]
    changes: dict[str, str]
    is_new: bool

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return asdict(self)


def create_project(name: str, data: Path, folder: Path, span: int | None = None) -> CreatedProject:
    """Write the configuration and the schema for a span, or update them.

    Args:
        name: name of the pipeline.
        data: data folder.
        folder: folder of the configuration.
        span: number of the span; None takes the latest.

    Raises:
        InputError: the name or the span cannot be used.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
        raise InputError(
            f"the name is {name!r}", "NAME", "use lower-case letters, digits and underscores, beginning with a letter"
        )
    survey = survey_span(find_span(data, span))
    schema_file = folder / SCHEMA_NAME
    is_new = not schema_file.exists()
    choices = choose(survey, () if is_new else read_window_contract(schema_file).labels)
    health = measure_health(survey, choices.window_spec)
    texts = {
        f"{name}.yaml": config_text(name, os.path.relpath(data, folder), survey, choices),
        SCHEMA_NAME: schema_text(survey, choices, health),
    }
    changes = write_project(folder, texts)
    config = folder / f"{name}.yaml"
    load_config(str(config))
    return CreatedProject(
        config=str(config),
        schema=str(schema_file),
        span=str(survey.folder),
        clips=len(survey.clips),
        labels=choices.labels.value,
        people=len(survey.people),
        warnings=choices.warnings,
        changes={} if is_new else changes,
        is_new=is_new,
    )


def show(created: CreatedProject, console: Console) -> None:
    """Print what was written and the next command."""
    from rich.markup import escape
    from rich.syntax import Syntax

    people = f"{created.people} people" if created.people else "no known people"
    console.print(f"{created.span}: {created.clips} clips, {len(created.labels)} labels, {people}", highlight=False)
    for difference in filter(None, created.changes.values()):
        console.print(Syntax(difference, "diff", background_color="default"))
    if not created.is_new and not any(created.changes.values()):
        console.print("nothing changes")
    for warning in created.warnings:
        console.print(f"note: {escape(warning)}", highlight=False)
    console.print(f"wrote {escape(created.config)} and {escape(created.schema)}; each value has its reason there")
    console.print(f"next: poseline run --config {escape(created.config)}", highlight=False)
