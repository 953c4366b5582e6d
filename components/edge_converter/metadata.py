"""Writes a model's contract into its TFLite file as TFLite Metadata, where other tools can read it.

TFLite Metadata consist of a buffer with a FlatBuffers table (ModelMetadata), which names the label file, and of a ZIP
archive after the model, which contains the files. The library for this, tflite-support, is no longer maintained, and
its successor is part of MediaPipe. The four tables that are needed are written here instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from components.edge_converter.compact import pack
from data.layouts import layout_label
from serving_targets.contract import CONTRACT, LABELS, Contract, with_contract

METADATA, IDENTIFIER = "TFLITE_METADATA", b"M001"
PARSER = "1.0.0"
_UNKNOWN, _AXIS_LABELS = 0, 2  # types of associated files


def embed_contract(content: bytes, contract: Contract) -> bytes:
    """Return the content of a TFLite file with its contract added.

    Args:
        content: content of the TFLite file; existing metadata are replaced.
        contract: contract of the file.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    entry = next((entry for entry in model.metadata or [] if entry.name == METADATA.encode()), None)
    if entry is None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = METADATA, len(model.buffers)
        model.buffers.append(schema.BufferT())
        model.metadata = [*(model.metadata or []), entry]
    model.buffers[entry.buffer].data = np.frombuffer(_model_metadata(contract), np.uint8)
    return with_contract(pack(model, len(content)), contract)


def _model_metadata(contract: Contract) -> bytes:
    """Return the serialized ModelMetadata table; its integer keys are field positions in metadata_schema.fbs."""
    builder = flatbuffers.Builder(1024)
    length, joints, channels = contract.window_shape
    layout = layout_label(contract.layout)
    labels = _file(builder, LABELS, _AXIS_LABELS)
    keypoints = _table(
        builder,
        {
            0: builder.CreateString("keypoints"),
            1: builder.CreateString(f"raw {layout}: {length} frames, {joints} joints, {channels} channels"),
        },
    )
    probabilities = _table(builder, {0: builder.CreateString("probabilities"), 6: _vector(builder, [labels])})
    graph = _table(builder, {2: _vector(builder, [keypoints]), 3: _vector(builder, [probabilities])})
    metadata = {
        0: builder.CreateString(contract.name),
        3: _vector(builder, [graph]),
        6: _vector(builder, [_file(builder, CONTRACT, _UNKNOWN)]),
        7: builder.CreateString(PARSER),
    }
    builder.Finish(_table(builder, metadata), IDENTIFIER)
    return bytes(builder.Output())


def _file(builder: flatbuffers.Builder, name: str, kind: int) -> int:
    text = builder.CreateString(name)
    builder.StartObject(3)
    builder.PrependUOffsetTRelativeSlot(0, text, 0)
    builder.PrependInt8Slot(2, kind, _UNKNOWN)
    return builder.EndObject()


def _table(builder: flatbuffers.Builder, fields: Mapping[int, int]) -> int:
    builder.StartObject(max(fields) + 1)
    for place, offset in fields.items():
        builder.PrependUOffsetTRelativeSlot(place, offset, 0)
    return builder.EndObject()


def _vector(builder: flatbuffers.Builder, tables: Sequence[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return builder.EndVector()
