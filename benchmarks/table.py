"""Writes the accuracy table of the README from the results in benchmarks/results/.

.venv/bin/python -m benchmarks.table
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from data.files import write_atomically

PROJECT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"

BEGIN, END = "<!-- results -->\n", "<!-- /results -->\n"
HEADING = """\
| data | model | runs | int8 | float | macro F1 | parameters | bytes | p50 / p95 ms |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def row(report: dict[str, Any]) -> str:
    """Return one line of the table: the means over the runs of a benchmark."""
    mean, runs = report["mean"], report["runs"]
    int8 = f"{mean['int8_accuracy']:.3f}"
    if "int8_accuracy_clean" in mean:
        int8 += f" ({mean['int8_accuracy_clean']:.3f})"
    seeds = len({run["seed"] for run in runs})
    folds = len({run["fold"] for run in runs})
    counted = f"{seeds} seeds" if seeds > 1 else "1 seed"
    if folds > 1:
        counted += f", {folds} folds"
    return _line(
        *(report["data"], report["model"], counted, int8),
        *(f"{mean['float_accuracy']:.3f}", f"{mean['int8_macro_f1']:.3f}"),
        *(f"{mean['parameters']:,.0f}", f"{mean['bytes']:,.0f}"),
        f"{mean['p50_ms']:.2f} / {mean['p95_ms']:.2f}",
    )


def table(folder: Path, name: str | None = None) -> str:
    """Return the table of the results in a folder, with the published figures after those of each data set.

    Args:
        folder: folder of the result files.
        name: data set to which the table is limited; None for all.
    """
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob(f"{name or '*'}-*.json"))]
    rows: list[str] = []
    for data, group in itertools.groupby(reports, key=lambda report: report["data"]):
        ranked = sorted(group, key=lambda report: -report["mean"]["int8_accuracy"])
        rows += map(row, ranked)
        for source, figure in ranked[0]["published"].items():
            rows.append(_line(data, f"published: {source}", "", "", f"{figure:.3f}"))
    return HEADING + "".join(rows)


def _line(*cells: str) -> str:
    columns = HEADING.splitlines()[0].count("|") - 1
    padded = [*cells, *[""] * (columns - len(cells))]
    return f"| {' | '.join(padded)} |\n"


def main() -> None:
    """Replace the table between the two marks of the README."""
    readme = PROJECT / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    write_atomically(readme, before + BEGIN + table(RESULTS) + END + after)
    print(table(RESULTS), end="")


if __name__ == "__main__":
    main()
