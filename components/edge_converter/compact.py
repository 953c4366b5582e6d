"""The same TFLite model in a smaller file: what is only for people goes, what is equal is stored once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

FILE_IDENTIFIER = b"TFL3"
"""Of TFLite's FlatBuffers schema."""


def compact(content: bytes | bytearray) -> bytes:
    """Rewrites a TFLite file without names of inner tensors and quantisation tables that have no content.

    Every tensor, operator and constant stays as it is.

    Args:
        content: of the file.

    Returns:
        The new file's content.
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
    """Writes a model. Equal vectors and strings are stored once, which FlatBuffers allows.

    Of a per-channel int8 model a sixth is vectors of zero points, all zero.

    Args:
        model: what to write; its lists of numbers become arrays.
        size: about how many bytes it will have.
    """
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            tensor.shape = np.asarray(tensor.shape, np.int32)  # a list would not pass through CreateNumpyVector
        for operator in graph.operators:
            operator.inputs = np.asarray(operator.inputs, np.int32)
            operator.outputs = np.asarray(operator.outputs, np.int32)
    builder = _SharingBuilder(size)
    builder.Finish(model.Pack(builder), file_identifier=FILE_IDENTIFIER)
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):
    """Refers to a vector or string that is there already instead of writing an equal one."""

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
