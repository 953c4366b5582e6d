"""Functions that the gates on models share: read thresholds, check figures against them, write the blessing."""

from __future__ import annotations

from pathlib import Path

from absl import logging
from pydantic import ValidationError
from tfx.types.artifact import Artifact

from data.errors import InputError
from payloads.judgements import Judgement
from payloads.verdict import Direction, Verdict, check_threshold
from schema.gates import Thresholds


def parse_thresholds[T: Thresholds](kind: type[T], text: str, section: str) -> T:
    """Read a gate's thresholds from JSON.

    Raises:
        InputError: a threshold is missing, unknown or out of range; the message names it.
    """
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise InputError(
            f"the thresholds are not valid: {faults}",
            f"section {section} of the gates file",
            f"set {', '.join(kind.model_fields)}",
        ) from error


def check(
    thresholds: Thresholds,
    name: str,
    figure: float | None,
    detail: str = "",
    limit: float | None = None,
    *,
    lacks_data: bool = False,
) -> Verdict:
    """Compare a figure with a threshold of a gate.

    Args:
        thresholds: thresholds of the gate.
        name: name of the threshold, for example `max_bytes`; its prefix is the direction.
        figure: measured value; None if it could not be measured.
        detail: additional information for people.
        limit: value to use instead of the configured threshold.
        lacks_data: whether the data cannot give the figure if it is None.
    """
    configured = getattr(thresholds, name) if limit is None else limit
    direction: Direction = "min" if name.startswith("min_") else "max"
    return check_threshold(name, figure, configured, direction, thresholds.unit(name), detail, lacks_data=lacks_data)


def write_blessing(blessing: Artifact, judgement: Judgement) -> None:
    """Write a judgement into the folder of its blessing, set the custom property `blessed`, and log the verdicts."""
    for verdict in judgement.verdicts:
        logging.info("%s", verdict)
    judgement.write(Path(blessing.uri))
    blessing.set_int_custom_property("blessed", int(judgement.passed))
