"""Encodes the windows of a clip as serialised tf.Examples.

The encoding is written here, in thirty lines, because it is to be the same bytes for the same window: protobuf leaves
the order of a map open, and a digest of the artifact would then differ from run to run.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from data.layouts import Layout
from data.records import KeypointSequence
from data.windows import Window, health_features

_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3  # field numbers in tf.train.Feature


def encode_clip(
    clip: KeypointSequence, windows: Sequence[Window], layout: Layout, label_ids: Mapping[str, int]
) -> Iterator[bytes]:
    """Yield one serialised tf.Example a window.

    Args:
        clip: that the windows were cut from.
        windows: in order.
        layout: of the joints.
        label_ids: of the known labels; others get -1.
    """
    common = {
        "label": _text(clip.label),
        "label_id": _integer(label_ids.get(clip.label, -1)),
        "sequence_id": _text(clip.sequence_id),
        "subject": _text(clip.subject),
        "view": _text(clip.view or ""),
    }
    for window in windows:
        health = health_features(window, layout).items()
        yield _example(
            common
            | {name: _floats(np.float32(figure)) for name, figure in health}
            | {"keypoints": _floats(window.keypoints), "start_frame": _integer(window.start_frame)}
        )


def _example(features: Mapping[str, bytes]) -> bytes:
    entries = (_field(1, name.encode()) + _field(2, features[name]) for name in sorted(features))
    return _field(1, b"".join(_field(1, entry) for entry in entries))


def _floats(values: np.ndarray | np.float32) -> bytes:
    return _field(_FLOAT_LIST, _field(1, np.asarray(values, "<f4").tobytes()))


def _integer(value: int) -> bytes:
    return _field(_INT64_LIST, _field(1, _varint(value % (1 << 64))))


def _text(value: str) -> bytes:
    return _field(_BYTES_LIST, _field(1, value.encode()))


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
