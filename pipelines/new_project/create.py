"""Creates or updates the configuration and the schema of a pipeline for a span."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from data.errors import InputError
from data.output.terminal import styled
from data.project import PROJECT_ROOT
from data.settings.config_section import ConfigSection
from data.settings.yaml_text import parse_yaml
from data.splits import SplitPolicy, assign_splits
from data.store import find_span
from data.text import harmless
from data.windows import WindowSpec
from pipelines.config import PipelineConfig, WindowConfig, load_config
from pipelines.new_project.choices import Choices, choose, completed
from pipelines.new_project.project_files import (
    LAYOUT_NAME,
    SCHEMA_NAME,
    check_folder,
    config_text,
    layout_text,
    merged_text,
    write_project,
)
from pipelines.new_project.schema_text import schema_text
from pipelines.new_project.survey import Survey, measure_health, survey_span
from schema.config_errors import explain
from schema.gates import read_gates
from schema.window_contract import read_window_contract

if TYPE_CHECKING:
    from data.output.terminal import Terminal

_COLOURS = {"+": "green", "-": "red"}


class _Sections(ConfigSection):
    """The sections of a configuration on which others depend."""

    split: SplitPolicy
    windows: WindowConfig


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


def check_name(name: str) -> None:
    """Raise an error if no pipeline can have this name."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
        raise InputError(
            f"the name is {name!r}", "NAME", "use lower-case letters, digits and underscores, beginning with a letter"
        )


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
    check_name(name)
    config, schema_file = folder / f"{name}.yaml", folder / SCHEMA_NAME
    check_folder(folder, config.name)
    is_new = not config.exists()
    earlier = None if is_new else load_config(str(config))
    survey = survey_span(find_span(data, span), earlier.split.leave_out if earlier else ())
    choices, policy, texts = _texts(name, os.path.relpath(data.resolve(), folder.resolve()), folder, survey, earlier)
    changes = write_project(folder, texts)
    load_config(str(config))
    found = {label for key in survey.index for label in key.labels}
    missing = sorted(found - set(policy.leave_out) - set(read_window_contract(schema_file).labels))
    if missing:
        raise InputError(
            f"your schema does not have the label {harmless(missing[0], 60)!r}",
            str(schema_file),
            "add it, or leave its recordings out with `leave_out` in the section `split` of the configuration",
        )
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


def _texts(
    name: str, data: str, folder: Path, survey: Survey, earlier: PipelineConfig | None
) -> tuple[Choices, SplitPolicy, dict[str, str]]:
    """Return the choices, the policy that is in force and the texts of the files.

    What the user changed in the windows and the division counts for everything that follows from them.
    """
    contract = read_window_contract(earlier.schema_file) if earlier else None
    choices = choose(survey, contract.labels if contract else (), earlier.split if earlier else None)
    policy, windows = _in_force(folder / f"{name}.yaml", config_text(name, data, survey, choices))
    spec = WindowSpec(length=contract.length if contract else choices.length.value, **windows.model_dump())
    health = measure_health(survey, spec, assign_splits(survey.index, policy), policy.test_share)
    usual = read_gates(
        earlier.gates_file if earlier else PROJECT_ROOT / PipelineConfig.model_fields["gates_file"].default
    )
    choices = completed(choices, survey, health, policy, spec, usual.data_gate.means)
    texts = {
        f"{name}.yaml": config_text(name, data, survey, choices),
        SCHEMA_NAME: schema_text(survey, choices, health),
    }
    if survey.layout.definition:
        texts[LAYOUT_NAME] = layout_text(survey.layout.definition)
    return choices, policy, texts


def _in_force(config: Path, text: str) -> tuple[SplitPolicy, WindowConfig]:
    """Return division and windows of a new text of the configuration together with the changes of the user."""
    remedy: str | None = "correct the file, or move it away to have it made anew"
    try:
        values = parse_yaml(merged_text(config.parent, config.name, text))
        values = values if isinstance(values, dict) else {}
        split, windows = values.get("split") or {}, values.get("windows") or {}
        found = _Sections.model_validate({"split": split, "windows": windows})
    except ValidationError as error:
        problems, known = explain(error, _Sections)
        problem, remedy = problems, known or remedy
    except ValueError as error:
        problem = str(error)
    else:
        return found.split, found.windows
    raise InputError(f"your changes and the new settings do not fit together: {problem}", str(config), remedy)


def show(created: CreatedProject, console: Terminal) -> None:
    """Print what was written and the next command."""
    people = "no known person"
    if created.people:
        people = f"{created.people} {'person' if created.people == 1 else 'people'}"
    console.print(f"{created.span}: {created.clips} clips, {len(created.labels)} labels, {people}")
    for line in "".join(created.changes.values()).splitlines():
        console.print(styled((line, _COLOURS.get(line[:1], "dim"))))
    if not created.is_new and not any(created.changes.values()):
        console.print("nothing changes")
    for warning in created.warnings:
        console.print(f"note: {warning}")
    console.print(f"wrote {created.config} and {created.schema}; each value has its reason there")
    console.print(f"next: poseline run --config {shlex.quote(created.config)}")
