"""Window shape and labels, read from a curated schema.

A schema file is the one place that fixes the length of a window, the number of joints and channels, and the labels in
their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError
from data.text import has_control_characters
from schema.curated_files import read_curated_file, unreadable

KEYPOINTS = "keypoints"
LABEL = "label"


@dataclass(frozen=True)
class WindowContract:
    """What a schema fixes about windows.

    Attributes:
        length: number of frames of a window (T).
        joints: number of joints of the layout (J).
        channels: number of coordinates plus one for the confidence (C): 3 for 2-D, 4 for 3-D.
        labels: the classes; the position of a label is its `label_id`.
    """

    length: int
    joints: int
    channels: int
    labels: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape `[T, J, C]` of one window."""
        return self.length, self.joints, self.channels


def read_window_contract(schema_file: Path) -> WindowContract:
    """Read window shape and labels from a curated schema.

    Raises:
        InputError: if the file cannot be read, is not a schema, or lacks the shape of `keypoints` or the string domain
            of `label`.
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    text = read_curated_file(schema_file, "schema", "schema_file")
    try:
        schema = text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise unreadable(schema_file, "schema", "schema_file", str(error)) from error
    features = {feature.name: feature for feature in schema.feature}
    domains = {domain.name: domain for domain in schema.string_domain}
    shape = [dim.size for dim in features[KEYPOINTS].shape.dim] if KEYPOINTS in features else []
    if len(shape) != 3 or shape[2] not in (3, 4) or min(shape) < 1:
        raise InputError(
            f"feature {KEYPOINTS!r} of the schema has the shape {shape}, not [frames, joints, channels]",
            str(schema_file),
            "give it three dimensions; channels is 3 for 2-D and 4 for 3-D",
        )
    label = features.get(LABEL)
    domain = label and (domains.get(label.domain) if label.domain else label.string_domain)
    if not domain or len(domain.value) < 2:
        raise InputError(
            f"feature {LABEL!r} of the schema has no string domain of at least two labels",
            str(schema_file),
            "list the labels in a string_domain and name it as the feature's domain",
        )
    if unfit := [text for text in domain.value if not text or has_control_characters(text)]:
        raise InputError(
            f"label {unfit[0]!r} of the schema is empty or has control characters",
            str(schema_file),
            "write labels of visible characters",
        )
    length, joints, channels = shape
    return WindowContract(length, joints, channels, tuple(domain.value))
