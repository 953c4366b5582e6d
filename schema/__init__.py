"""The curated schemas and the gate thresholds, read without TensorFlow.

A schema file is the one place that says how long a window is, how many joints and channels it has, and which labels
there are in which order.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

KEYPOINTS = "keypoints"
LABEL = "label"


@dataclass(frozen=True)
class WindowContract:
    """What a schema fixes about windows.

    Attributes:
        length: frames of a window (T).
        joints: joints of its layout (J).
        channels: coordinates and confidence (C): 3 for 2-D, 4 for 3-D.
        labels: the classes; a label's position is its `label_id`.
    """

    length: int
    joints: int
    channels: int
    labels: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """[T, J, C] of one window."""
        return self.length, self.joints, self.channels


def read_window_contract(schema_file: Path) -> WindowContract:
    """Reads window shape and labels out of a curated schema.

    Raises:
        ValueError: the file is no schema, or lacks the shape of `keypoints` or the string domain of `label`.
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    try:
        schema = text_format.Parse(schema_file.read_text(encoding="utf-8"), schema_pb2.Schema())
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise ValueError(f"{schema_file}: not a readable schema: {error}") from error
    features = {feature.name: feature for feature in schema.feature}
    domains = {domain.name: domain for domain in schema.string_domain}
    shape = [dim.size for dim in features[KEYPOINTS].shape.dim] if KEYPOINTS in features else []
    if len(shape) != 3 or shape[2] not in (3, 4) or min(shape) < 1:
        raise ValueError(f"{schema_file}: feature {KEYPOINTS!r} needs a shape of three dimensions [T, J, 3 or 4]")
    label = features.get(LABEL)
    domain = label and (domains.get(label.domain) if label.domain else label.string_domain)
    if not domain or len(domain.value) < 2:
        raise ValueError(f"{schema_file}: feature {LABEL!r} needs a string domain of at least two labels")
    length, joints, channels = shape
    return WindowContract(length, joints, channels, tuple(domain.value))


def read_gates(gates_file: Path, overrides: dict[str, Any] | None = None) -> dict[str, Any]:
    """Reads the thresholds of all gates: a section a gate, with `overrides` of the same structure laid over it.

    Raises:
        ValueError: the file is unreadable, or an override names a gate or threshold that the file does not have.
    """
    try:
        gates = yaml.safe_load(gates_file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{gates_file}: not a readable gates file: {error}") from error
    for section, values in (overrides or {}).items():
        for key, value in values.items():
            if key not in gates.get(section, {}):
                known = ", ".join(f"{name}.{entry}" for name, entries in gates.items() for entry in entries)
                raise ValueError(f"no threshold {section}.{key} in {gates_file}; there are: {known}")
            gates[section][key] = value
    return gates
