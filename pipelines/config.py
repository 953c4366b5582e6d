"""Configuration of a pipeline: one typed model, filled from YAML and `--set a.b=value`.

What is a property of the data (window length, joints, channels, labels) is not here: it is read from the curated
schema that the configuration names.
"""

from __future__ import annotations

import difflib
import re
import typing
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from data.config_errors import explain
from data.errors import InputError
from data.project import PROJECT_ROOT
from data.splits import SplitPolicy
from schema.gates import GatesConfig, read_gates
from trainer_module.model_config import ModelConfig, TcnConfig
from trainer_module.training_config import TrainingConfig
from transform_module.config import TransformConfig

CONFIG_FOLDER = Path(__file__).parent / "configs"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WindowConfig(_Section):
    """How sequences become windows; their length is the schema's."""

    fps: float = Field(30.0, gt=0, le=240, description="frames per second that sequences are resampled to")
    stride: int = Field(16, ge=1, description="frames between the starts of two windows")
    fit: typing.Literal["slide", "stretch"] = Field(
        "slide", description="slide windows over the sequence, or stretch the whole sequence to one window"
    )


class EvaluationConfig(_Section):
    """What Evaluator measures besides its gate, whose thresholds are in the gates file."""

    slices: tuple[str, ...] = Field(("label", "subject", "view"), description="features whose values are slices")
    confidence_intervals: bool = Field(False, description="95 % Poisson bootstrap intervals (three times slower)")


_Format = typing.Literal["ship", "compare", "skip"]


class EdgeConfig(_Section):
    """Conversion to TFLite."""

    representative_windows: int = Field(256, ge=16, le=10_000, description="training windows that calibrate int8")
    golden_windows: int = Field(64, ge=1, le=10_000, description="windows that every format must agree on")
    time_limit_seconds: int = Field(600, ge=10, description="the converter process is ended after this time")
    seed: int = 7
    float16: _Format = Field("compare", description="file with float16 weights: shipped, made to compare, or not made")
    dynamic_range: _Format = Field("compare", description="file with int8 weights and float activations: the same")


class RunnerConfig(_Section):
    """How nodes are run; nothing here changes a result."""

    parallel_nodes: int = Field(2, ge=1, le=16, description="nodes that may run at the same time")
    beam_args: tuple[str, ...] = Field(("--runner=FnApiRunner",), description="arguments of every Beam pipeline")


class PipelineConfig(_Section):
    """Everything that one pipeline is made from."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="name in ML Metadata and of the push target")
    description: str = ""
    data: Path | None = Field(None, description="folder with span-N/ folders of canonical Parquet")
    layout: str = Field(description="joint layout of the windows")
    schema_file: Path = Field(description="curated schema; fixes window length, joints, channels and label order")
    gates_file: Path = Field(Path("schema/gates.yaml"), validate_default=True, description="thresholds of every gate")
    shards: int = Field(2, ge=1, le=1000, description="output shards of each split")
    windows: WindowConfig = WindowConfig()
    split: SplitPolicy = SplitPolicy()
    transform: TransformConfig = TransformConfig()
    model: ModelConfig = TcnConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    edge: EdgeConfig = EdgeConfig()
    gates: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="thresholds in place of the gates file's: section to threshold to value",
    )
    only_warn: tuple[typing.Literal["data_gate", "evaluator", "model_validator", "serving_smoke"], ...] = Field(
        (), description="gates that only warn: a rejection is reported and recorded, but the run goes on"
    )
    targets: dict[str, Path] = Field(default_factory=dict, description="push targets; empty: <root>/pushed/<name>")
    runner: RunnerConfig = RunnerConfig()

    @field_validator("schema_file", "gates_file", "data")
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
    """Names of the configurations that come with the project."""
    return sorted(path.stem for path in CONFIG_FOLDER.glob("*.yaml"))


def load_config(name_or_file: str, overrides: typing.Sequence[str] = ()) -> PipelineConfig:
    """Reads a configuration by name or file and applies `a.b=value` overrides.

    Raises:
        InputError: unknown name, unreadable file, unknown or ill-typed key; names the key and the nearest valid one.
    """
    path = _find(name_or_file)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError("the configuration cannot be read", f"{path}: {error}", "mend the YAML") from error
    if not isinstance(values, dict):
        raise InputError("the configuration is not a mapping of keys to values", str(path), "see pipelines/configs/")
    for override in overrides:
        _apply(values, override)
    try:
        config = PipelineConfig.model_validate(values)
    except ValidationError as error:
        problems, remedy = explain(error, PipelineConfig)
        raise InputError(
            f"the configuration is not valid: {problems}",
            str(path),
            "; ".join(filter(None, [remedy, "`poseline config` prints every key"])),
        ) from error
    config.read_gates()  # a wrong threshold is reported now, not after the training
    return config


def _find(name_or_file: str) -> Path:
    named = CONFIG_FOLDER / f"{name_or_file}.yaml"
    if re.fullmatch(r"\w+", name_or_file) and named.is_file():
        return named
    path = Path(name_or_file)
    if path.is_file():
        return path
    nearest = difflib.get_close_matches(name_or_file, config_names(), 1, 0)
    raise InputError(
        f"no configuration {name_or_file!r}",
        "--config takes a name or a YAML file",
        f"did you mean {nearest[0]!r}? There are: {', '.join(config_names())}" if nearest else None,
    )


def _apply(values: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    parts = key.strip().split(".")
    if not separator or not all(parts):
        raise InputError(f"--set {override!r} is not of the form key=value", remedy="for example training.epochs=10")
    for part in parts[:-1]:
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            raise InputError(f"--set {override!r}: {part!r} holds a value, not keys", remedy="set the value itself")
        values = inner
    try:
        values[parts[-1]] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"--set {override!r}: the value is not YAML: {error}", remedy="quote it") from error
