"""The configuration of a pipeline: one typed model, filled from a YAML file and `--set key=value`.

Properties of the data (window length, joints, channels, labels) are not part of it. They are read from the curated
schema that the configuration names.
"""

from __future__ import annotations

import difflib
import re
import typing
from pathlib import Path
from typing import Any

from pydantic import AfterValidator, Field, ValidationError, field_validator

from data.errors import InputError
from data.layouts import is_definition, layout_names, load_layout, read_own_layout
from data.project import PROJECT_ROOT
from data.settings.config_section import ConfigSection
from data.settings.yaml_text import parse_yaml
from data.splits import SplitPolicy
from data.text import shortened
from schema.config_errors import explain
from schema.gates import GatesConfig, read_gates
from schema.window_contract import read_window_contract
from trainer_module.model_config import ModelConfig, TcnConfig
from trainer_module.training_config import TrainingConfig
from transform_module.config import TransformConfig

CONFIG_FOLDER = Path(__file__).parent / "configs"


class WindowConfig(ConfigSection):
    """How sequences are cut into windows; the window length is in the schema."""

    fps: float = Field(30.0, gt=0, le=240, description="frames per second that sequences are resampled to")
    stride: int = Field(16, ge=1, description="frames between the starts of two windows")
    fit: typing.Literal["slide", "stretch"] = Field(
        "slide", description="slide windows over the sequence, or stretch the whole sequence to one window"
    )


class EvaluationConfig(ConfigSection):
    """What the Evaluator measures; its thresholds are in the gates file."""

    slices: tuple[str, ...] = Field(("label", "subject", "view"), description="features to slice the metrics by")
    confidence_intervals: bool = Field(False, description="95 % Poisson bootstrap intervals (three times slower)")


def _without_null(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("a path cannot contain a null character")
    return path


_Path = typing.Annotated[Path, AfterValidator(_without_null)]
_Format = typing.Literal["ship", "compare", "skip"]


class EdgeConfig(ConfigSection):
    """How the model is converted to TFLite."""

    representative_windows: int = Field(
        256, ge=16, le=10_000, description="number of training windows that calibrate the int8 quantisation"
    )
    golden_windows: int = Field(
        64, ge=1, le=10_000, description="number of windows on which every format must give the same answer"
    )
    time_limit_seconds: int = Field(600, ge=10, description="seconds after which the conversion is aborted")
    seed: int = Field(7, ge=0, le=2**63 - 1, description="seed by which representative and golden windows are drawn")
    float16: _Format = Field("skip", description="file with float16 weights: ship it, make it to compare, or skip it")
    dynamic_range: _Format = Field(
        "skip", description="file with int8 weights and float activations: ship, compare or skip"
    )


class CoachConfig(ConfigSection):
    """How the coach that ships with the model is made and judged."""

    good_quality: float = Field(
        0.7, ge=0, le=1, description="quality from which a repetition counts as done well, where the data have one"
    )
    calibrated_seconds: float = Field(
        180, gt=0, le=1e6, description="length of the sessions of the eval split that calibrate the coach, in seconds"
    )
    judged_seconds: float = Field(
        180, gt=0, le=1e6, description="length of the sessions, and of the recordings, by which the coach is judged"
    )


class RunnerConfig(ConfigSection):
    """How nodes are run; these settings do not change any result."""

    parallel_nodes: int = Field(2, ge=1, le=16, description="number of nodes that may run at the same time")
    beam_args: tuple[str, ...] = Field(("--runner=FnApiRunner",), description="arguments of every Beam pipeline")


class PipelineConfig(ConfigSection):
    """All settings of one pipeline."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,62}$", description="name of the pipeline in ML Metadata, and of its push target"
    )
    description: str = ""
    data: _Path | None = Field(None, description="folder with span-N/ folders of canonical Parquet")
    layout: str = Field(description="layout of the joints in a window: a name, or the YAML file of your own")
    schema_file: _Path = Field(description="curated schema, with window length, joints, channels and label order")
    gates_file: _Path = Field(
        Path("schema/gates.yaml"), validate_default=True, description="file with the thresholds of all gates"
    )
    shards: int = Field(2, ge=1, le=1000, description="number of output files of each split")
    windows: WindowConfig = WindowConfig()
    split: SplitPolicy = SplitPolicy()
    transform: TransformConfig = TransformConfig()
    model: ModelConfig = TcnConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    edge: EdgeConfig = EdgeConfig()
    coach: CoachConfig = CoachConfig()
    gates: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="thresholds that replace those of the gates file, by section and name",
    )
    only_warn: tuple[
        typing.Literal["data_gate", "evaluator", "model_validator", "serving_smoke", "session_evaluator"], ...
    ] = Field((), description="gates that only warn: a rejection is reported and recorded, but the run continues")
    targets: dict[str, _Path] = Field(
        default_factory=dict, description="push targets, name to folder; if empty, <root>/pushed/<name>"
    )
    signing_key: _Path | None = Field(
        None, description="file with the Ed25519 private key (PEM) that signs what is pushed; null for no signature"
    )
    runner: RunnerConfig = RunnerConfig()

    @field_validator("layout")
    @classmethod
    def _known_layout(cls, name: str) -> str:
        """Return the layout's reference: its name, or the definition of a layout of the user's own."""
        if name.endswith((".yaml", ".yml")):
            return read_own_layout(PROJECT_ROOT / name).reference
        if name in layout_names() or is_definition(name):
            return load_layout(name).reference
        raise ValueError(f"there is no such layout; there are: {', '.join(layout_names())}")

    @field_validator("schema_file", "gates_file", "data", "signing_key")
    @classmethod
    def _from_project_root(cls, path: Path | None) -> Path | None:
        return path if path is None or path.is_absolute() else PROJECT_ROOT / path

    def read_gates(self) -> GatesConfig:
        """Read the thresholds of all gates, with those of this configuration in place of the file's.

        Raises:
            InputError: if the gates file or one of the thresholds is not valid.
        """
        return read_gates(self.gates_file, self.gates)


def config_names() -> list[str]:
    """Return the names of the configurations that come with the project."""
    return sorted(path.stem for path in CONFIG_FOLDER.glob("*.yaml"))


def load_config(name_or_file: str, overrides: typing.Sequence[str] = ()) -> PipelineConfig:
    """Read a configuration and apply overrides.

    Args:
        name_or_file: name of a configuration of the project, or path of a YAML file.
        overrides: overrides `key=value`; nested keys are joined by dots.

    Raises:
        InputError: the name is unknown, a file cannot be read, or a key or value is not valid; the message names the
            key and the nearest valid key.
    """
    path = _find(name_or_file)
    try:
        values = parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the configuration cannot be read: {error}", str(path), "correct the YAML") from error
    if not isinstance(values, dict):
        raise InputError("the configuration is not a mapping of keys to values", str(path), "see pipelines/configs/")
    if path.parent != CONFIG_FOLDER:
        _resolve(values, path.parent)
    for override in overrides:
        _apply(values, override)
    try:
        config = PipelineConfig.model_validate(values)
    except ValidationError as error:
        problems, remedy = explain(error, PipelineConfig)
        raise InputError(
            f"the configuration is not valid: {problems}",
            f"{path}, or a --set option" if overrides else str(path),
            "; ".join(filter(None, [remedy, "`poseline config` prints every key"])),
        ) from error
    # What is wrong with a threshold, the schema or the key is reported now, not after a training.
    config.read_gates()
    read_window_contract(config.schema_file)
    if config.signing_key:
        from serving_targets.signature import read_private_key

        read_private_key(config.signing_key)
    return config


def _find(name_or_file: str) -> Path:
    named = CONFIG_FOLDER / f"{name_or_file}.yaml"
    if re.fullmatch(r"\w+", name_or_file) and named.is_file():
        return named
    path = Path(name_or_file)
    if path.is_file():
        return path
    if path.exists():
        if path.is_dir():
            raise InputError("the configuration is a folder", str(path), "give the YAML file in it")
        raise InputError("the configuration is a pipe or device", str(path), "save what it holds to a file")
    nearest = difflib.get_close_matches(name_or_file, config_names(), 1, 0)
    raise InputError(
        f"no configuration {shortened(name_or_file)!r}",
        "--config takes a name or a YAML file",
        f"did you mean {nearest[0]!r}? There are: {', '.join(config_names())}" if nearest else None,
    )


def _resolve(values: dict[str, Any], folder: Path) -> None:
    """Replace relative paths that exist in the folder of the configuration; others start at the project's root."""
    for key in ("data", "schema_file", "gates_file", "layout"):
        value = values.get(key)
        if isinstance(value, str) and "\0" not in value and (folder / value).exists():
            values[key] = str((folder / value).resolve())


def _apply(values: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    parts = key.strip().split(".")
    where = f"--set {shortened(override)!r}"
    if not separator or not all(parts):
        raise InputError("the setting is not of the form key=value", where, "write for example training.epochs=10")
    for part in parts[:-1]:
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            raise InputError(f"{shortened(part)!r} is a value and has no keys", where, "set the value itself")
        values = inner
    try:
        values[parts[-1]] = parse_yaml(text)
    except ValueError as error:
        raise InputError(f"the value is not YAML: {error}", where, "quote the value") from error
