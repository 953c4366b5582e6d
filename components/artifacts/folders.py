"""Artifacts of an executor's channels, and the paths inside artifacts that TFX prescribes.

TFX's own functions for these paths are in modules that load TensorFlow; a test compares the results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfx.types.artifact import Artifact

STATISTICS_FILE = "FeatureStats.pb"
"""File of statistics in the folder of a split."""

ANOMALIES_FILE = "SchemaDiff.pb"
"""File of anomalies in the folder of a split."""


def only_artifact(channels: Mapping[str, Sequence[Artifact]], name: str) -> Artifact:
    """Return the artifact of a channel that has exactly one.

    Args:
        channels: input or output artifacts of an executor, by channel name.
        name: name of the channel.
    """
    [artifact] = channels[name]
    return artifact


def optional_artifact(channels: Mapping[str, Sequence[Artifact]], name: str) -> Artifact | None:
    """Return the artifact of an optional channel; None if it has none."""
    return next(iter(channels.get(name, ())), None)


def artifact_folder(channels: Mapping[str, Sequence[Artifact]], name: str) -> Path:
    """Return the folder of a channel's only artifact."""
    return Path(only_artifact(channels, name).uri)


def saved_model_folder(model: Path) -> Path:
    """Return the folder of the SavedModel in the folder of a Model artifact."""
    return model / "Format-Serving"


def split_folder(artifact: Path, split: str) -> Path:
    """Return the folder of a split in the folder of an artifact of examples, statistics or anomalies."""
    return artifact / f"Split-{split}"


def schema_file(schema: Path) -> Path:
    """Return the only schema in the folder of a Schema artifact."""
    [file] = schema.glob("*.pbtxt")
    return file
