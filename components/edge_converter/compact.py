"""Makes a TFLite file smaller: removes names of inner tensors and stores equal vectors and strings once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

FILE_IDENTIFIER = b"TFL3"
"""File identifier of TFLite's FlatBuffers schema."""


def compact(content: bytes | bytearray) -> bytes:
    """Remove names of inner tensors and empty quantisation tables from a TFLite file.

    Tensors, operators and constants do not change.

    Args:
        content: content of the TFLite file.

    Returns:
        Content of the smaller file.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    for graph in model.subgraphs:
        for i, tensor in enumerate(graph.tensors):
            if i not in (*graph.inputs, *graph.outputs):
                tensor.name = None
            if tensor.quantization is not None and tensor.quantization.scale is None:
                tensor.quantization = None
    return pack(model, len(content))


def pack(model: schema.ModelT, size: int) -> bytes:
    """Serialise a model, storing equal vectors and strings once, as FlatBuffers allows.

    A sixth of a per-channel int8 model is vectors of zero points, which are all zero.

    Args:
        model: model to serialise; its lists of numbers are replaced by arrays.
        size: estimated size in bytes.
    """
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            tensor.shape = np.asarray(tensor.shape, np.int32)  # lists bypass CreateNumpyVector
        for operator in graph.operators:
            operator.inputs = np.asarray(operator.inputs, np.int32)
            operator.outputs = np.asarray(operator.outputs, np.int32)
    builder = _SharingBuilder(size)
    builder.Finish(model.Pack(builder), file_identifier=FILE_IDENTIFIER)
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):
    """A FlatBuffers builder that refers to an equal vector or string if one is already written."""

    def __init__(self, initial_size: int) -> None:
        super().__init__(initial_size)
        self._written: dict[Hashable, int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:  # noqa: N802 - named by FlatBuffers
        return self._once((x.dtype.str, x.tobytes()), lambda: super(_SharingBuilder, self).CreateNumpyVector(x))

    def CreateString(self, s: Any, *args: Any, **kwargs: Any) -> int:  # noqa: N802 - named by FlatBuffers
        return self._once(s, lambda: super(_SharingBuilder, self).CreateString(s, *args, **kwargs))

    def _once(self, content: Hashable, write: Callable[[], int]) -> int:
        if content not in self._written:
            self._written[content] = write()
        return self._written[content]
