"""Settings of the coach that a bundle ships: calibration of the model and durations of the movements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data.errors import InputError
from data.settings.json_text import read_json
from data.text import shortened
from serving_targets.coach.form.references import References
from serving_targets.coach.head import Heads
from serving_targets.coach.network import PoseHeads

SETTINGS = "coach.json"
REFERENCES = "references.json"
"""Names of the files in a bundle."""
_MOST_BYTES = 1_000_000


class Duration(BaseModel):
    """How long a movement is performed without interruption.

    Attributes:
        minimum: shortest time, in seconds.
        typical: mean time, in seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    minimum: Annotated[float, Field(ge=0, le=60)] = 0.6
    typical: Annotated[float, Field(gt=0, le=3600)] = 6.0


class CoachSettings(BaseModel):
    """Calibration of a model for whole sessions.

    Attributes:
        schema_version: version of this format.
        temperature: number that the log probabilities are divided by.
        priors: label to its share in the windows of the training, which is divided out; 1 if it is not listed.
        durations: label to its durations; the default if it is not listed.
        background: probability of `none` where the model has no such label.
        heads: heads that decide by several windows; temperature, priors and background are not used with them.
        poses: networks that decide together with the model or its heads, by how the body moves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    temperature: Annotated[float, Field(gt=0, le=100)] = 1.0
    priors: Annotated[dict[str, Annotated[float, Field(gt=0, le=1)]], Field(max_length=10_000)] = {}
    durations: Annotated[dict[str, Duration], Field(max_length=10_000)] = {}
    background: Annotated[float, Field(gt=0, lt=1)] = 0.4
    heads: Heads | None = None
    poses: PoseHeads | None = None


def read_settings(folder: Path) -> CoachSettings:
    """Return the settings of a bundle, or the default ones if it has none.

    Raises:
        InputError: the file is not as it should be.
    """
    return _read(folder / SETTINGS, CoachSettings) or CoachSettings()


def read_references(folder: Path) -> References | None:
    """Return the references of a bundle, or None if it has none.

    Raises:
        InputError: the file is not as it should be.
    """
    return _read(folder / REFERENCES, References)


def _read[T: BaseModel](path: Path, kind: type[T]) -> T | None:
    if not path.exists():
        return None
    try:
        return kind.model_validate(read_json(path, _MOST_BYTES))
    except (ValidationError, ValueError, OSError) as error:
        raise InputError(
            f"the file cannot be used: {shortened(str(error))}", str(path), "push the model again"
        ) from error
