"""Lists the operators in a TFLite file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}


def operators(path: Path) -> Counter[str]:
    """Count the operators in a file; a custom operator is named `custom:<name>`."""
    model = schema.Model.GetRootAsModel(path.read_bytes(), 0)
    codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
    graphs = [model.Subgraphs(i) for i in range(model.SubgraphsLength())]
    return Counter(
        _name(codes[graph.Operators(i).OpcodeIndex()]) for graph in graphs for i in range(graph.OperatorsLength())
    )


def custom_operators(path: Path) -> list[str]:
    """Return the sorted names of the custom operators in a file, which need an interpreter with extensions."""
    return select_custom(operators(path))


def select_custom(names: Iterable[str]) -> list[str]:
    """Return the sorted names of those operators that are custom operators."""
    return sorted(name.partition(":")[2] for name in names if name.startswith("custom:"))


def _name(code: schema.OperatorCode) -> str:
    # The first versions of the format have the code only in the deprecated field.
    builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if builtin == schema.BuiltinOperator.CUSTOM:
        return f"custom:{(code.CustomCode() or b'').decode(errors='replace')}"
    return _NAMES.get(builtin, f"unknown-{builtin}")
