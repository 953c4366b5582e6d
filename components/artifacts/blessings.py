"""What the gates on models share: thresholds from execution properties, verdicts on them, and the blessing."""

from __future__ import annotations

from pathlib import Path

from absl import logging
from pydantic import ValidationError
from tfx.types.artifact import Artifact

from data.errors import InputError
from lineage.payloads.verdicts import Direction, Judgement, Verdict, check_threshold
from schema.gates import Thresholds


def parse_thresholds[T: Thresholds](kind: type[T], text: str, section: str) -> T:
    """Read a gate's thresholds from JSON.

    Raises:
        InputError: if one is missing, unknown or out of range; names it.
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


def check(
    thresholds: Thresholds, name: str, figure: float | None, detail: str = "", limit: float | None = None
) -> Verdict:
    """Hold a figure against the threshold of a name; its direction is in the name, its unit in the section.

    Args:
        thresholds: section of the gate.
        name: threshold, for example `max_bytes`.
        figure: measured value; None if it could not be measured.
        detail: anything else a person should know.
        limit: value to use in place of the threshold's own.
    """
    own = getattr(thresholds, name) if limit is None else limit
    direction: Direction = "min" if name.startswith("min_") else "max"
    return check_threshold(name, figure, own, direction, thresholds.unit(name), detail)


def write_blessing(blessing: Artifact, judgement: Judgement) -> None:
    """Write a judgement into its blessing's folder, set the custom property `blessed` (1 or 0), log the verdicts."""
    for verdict in judgement.verdicts:
        logging.info("%s", verdict)
    judgement.write(Path(blessing.uri))
    blessing.set_int_custom_property("blessed", int(judgement.passed))
