"""Encodes windows as serialised tf.Examples.

The encoding is written here, in thirty lines, because it is to be the same bytes for the same window: protobuf leaves
the order of a map open, and a digest of the artifact would then differ from run to run.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np

from components.keypoint_example_gen.window_table import Row, window_row
from data.health import window_health
from data.layouts import Layout
from data.records import KeypointSequence
from data.windows import Window

_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3  # field numbers in tf.train.Feature
_ONE_FLOAT = bytes([_FLOAT_LIST << 3 | 2, 6, 1 << 3 | 2, 4])  # a list of four bytes of numbers, and their length


def encode_windows(
    batch: Sequence[tuple[KeypointSequence, Window]], layout: Layout, label_ids: Mapping[str, int]
) -> Iterator[tuple[bytes, Row]]:
    """Yield one serialised tf.Example a window, and its row in the table of windows.

    Args:
        batch: windows, each with the clip that it was cut from.
        layout: of the joints.
        label_ids: of the known labels; others get -1.
    """
    health = window_health([window for _, window in batch], layout)
    columns = zip(*(figures.tolist() for figures in health.values()), strict=True)
    for (clip, window), figures in zip(batch, columns, strict=True):
        features = {
            "label": clip.label,
            "label_id": label_ids.get(clip.label, -1),
            "sequence_id": clip.sequence_id,
            "start_frame": window.start_frame,
            "subject": clip.subject,
            "view": clip.view or "",
            **dict(zip(health, figures, strict=True)),
        }
        encoded = {name: _value(value) for name, value in features.items()}
        yield _example(encoded | {"keypoints": _floats(window.keypoints)}), window_row(features, window.keypoints)


def _value(value: str | int | float) -> bytes:
    if isinstance(value, str):
        return _text(value)
    return _integer(value) if isinstance(value, int) else _figure(value)


def _example(features: Mapping[str, bytes]) -> bytes:
    entries = (_name(name) + _field(2, features[name]) for name in sorted(features))
    return _field(1, b"".join(_field(1, entry) for entry in entries))


@lru_cache(maxsize=128)
def _name(name: str) -> bytes:
    return _field(1, name.encode())


def _figure(value: float) -> bytes:
    """One float, as `_floats` would write it, in a fraction of the time."""
    return _ONE_FLOAT + struct.pack("<f", value)


def _floats(values: np.ndarray) -> bytes:
    return _field(_FLOAT_LIST, _field(1, np.asarray(values, "<f4").tobytes()))


def _integer(value: int) -> bytes:
    return _field(_INT64_LIST, _field(1, _varint(value % (1 << 64))))


def _text(value: str) -> bytes:
    return _field(_BYTES_LIST, _field(1, value.encode()))


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
