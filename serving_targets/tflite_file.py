"""What a TFLite file is made of, read from the file itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}


def operators(path: Path) -> Counter[str]:
    """How often each operator occurs; one that is not built in is named `custom:<name>`."""
    model = schema.Model.GetRootAsModel(path.read_bytes(), 0)
    codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
    graphs = [model.Subgraphs(i) for i in range(model.SubgraphsLength())]
    return Counter(
        _name(codes[graph.Operators(i).OpcodeIndex()]) for graph in graphs for i in range(graph.OperatorsLength())
    )


def custom_operators(path: Path) -> list[str]:
    """The operators of a file that an interpreter without extensions can't run, sorted."""
    return custom(operators(path))


def custom(names: Iterable[str]) -> list[str]:
    """Of operators, those that an interpreter without extensions can't run, sorted."""
    return sorted(name.partition(":")[2] for name in names if name.startswith("custom:"))


def _name(code: schema.OperatorCode) -> str:
    # Files of the first schema versions hold the code in the deprecated field alone.
    builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if builtin == schema.BuiltinOperator.CUSTOM:
        return f"custom:{(code.CustomCode() or b'').decode(errors='replace')}"
    return _NAMES.get(builtin, f"unknown-{builtin}")
