"""Writes the README's table of accuracies from benchmarks/results/*.json.

.venv/bin/python -m benchmarks.table
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.accuracy import PROJECT, RESULTS
from data.files import write_atomically

BEGIN, END = "<!-- results -->\n", "<!-- /results -->\n"
HEADING = """\
| data | model | runs | int8 | float | macro F1 | parameters | bytes |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def row(report: dict[str, Any]) -> str:
    """One line of the table: means over the runs."""
    mean, runs = report["mean"], report["runs"]
    int8 = f"{mean['int8_accuracy']:.3f}"
    if "int8_accuracy_clean" in mean:
        int8 += f" ({mean['int8_accuracy_clean']:.3f})"
    seeds = len({run["seed"] for run in runs})
    folds = len({run["fold"] for run in runs})
    counted = f"{seeds} seed{'s' * (seeds > 1)}" + f", {folds} folds" * (folds > 1)
    cells = (
        *(report["data"], report["model"], counted, int8),
        *(f"{mean['float_accuracy']:.3f}", f"{mean['int8_macro_f1']:.3f}"),
        *(f"{mean['parameters']:,.0f}", f"{mean['bytes']:,.0f}"),
    )
    return f"| {' | '.join(cells)} |\n"


def table(folder: Path) -> str:
    """The table of all results in a folder."""
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return HEADING + "".join(row(report) for report in reports)


def main() -> None:
    """Replaces what stands between the marks."""
    readme = PROJECT / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    write_atomically(readme, before + BEGIN + table(RESULTS) + END + after)
    print(table(RESULTS), end="")


if __name__ == "__main__":
    main()
