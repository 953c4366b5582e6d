"""What the gates on models share: thresholds from the gates file, and figures held against them."""

from __future__ import annotations

import json
import math
from pathlib import Path

from absl import logging
from pydantic import BaseModel, ConfigDict, ValidationError
from tfx.types.artifact import Artifact

from data.errors import InputError
from data.files import write_atomically
from serving_targets.manifest import Verdict

VERDICT_FILE = "verdict.json"


class Thresholds(BaseModel):
    """A section of the gates file; a threshold's name is the gate's, and begins with `min_` or `max_`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Judgement(BaseModel):
    """What a gate measured and what follows from it.

    Attributes:
        verdicts: one a threshold.
    """

    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        """Whether no verdict is a no."""
        return all(verdict.passed for verdict in self.verdicts)


def write_blessing(blessing: Artifact, judgement: Judgement) -> None:
    """Writes `verdict.json` and the custom property `blessed`; logs the verdicts."""
    for verdict in judgement.verdicts:
        logging.info("%s", verdict)
    write_atomically(Path(blessing.uri) / VERDICT_FILE, judgement.model_dump_json(indent=2) + "\n")
    blessing.set_int_custom_property("blessed", int(judgement.passed))


def parse_thresholds[T: Thresholds](kind: type[T], text: str, section: str) -> T:
    """Reads thresholds from JSON.

    Raises:
        InputError: one is missing, unknown or out of range; names it.
    """
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise InputError(
            f"the thresholds are not valid: {faults}",
            f"section {section} of the gates file",
            f"give {', '.join(kind.model_fields)}",
        ) from error


def hold(gate: str, figure: float | None, threshold: float, unit: str, detail: str = "") -> Verdict:
    """Holds a figure against its limit; what couldn't be measured, None or not finite, does not pass."""
    if figure is None or not math.isfinite(figure):
        return Verdict(gate=gate, figure=None, threshold=threshold, unit=unit, passed=False, detail=detail)
    passed = figure >= threshold if gate.startswith("min_") else figure <= threshold
    return Verdict(gate=gate, figure=figure, threshold=threshold, unit=unit, passed=passed, detail=detail)


def read_verdicts(blessing: Path) -> list[Verdict]:
    """What a gate wrote into its blessing's folder."""
    return [Verdict.model_validate(entry) for entry in json.loads((blessing / VERDICT_FILE).read_text())["verdicts"]]
