"""Findings as text."""

import json
import textwrap
from collections.abc import Iterator

from data.text import printable
from lineage.payloads.data_judgement import Finding

_WIDTH = 110
_ID_LENGTH = 60


def as_table(findings: list[Finding]) -> str:
    """Return the findings as aligned lines; below each what was found, in which sequences, and what to do.

    Those that the policy passes are left out.
    """
    findings = [finding for finding in findings if finding.verdict != "pass"]
    rows = [("split", "feature", "anomaly", "windows", "expected")]
    rows += [(f.split, f.feature, f.anomaly, _count(f), f.bound) for f in findings]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    text = [lines[0]]
    for finding, line in zip(findings, lines[1:], strict=True):
        text += [line, *_below(finding)]
    return printable("\n".join(text))


def _count(finding: Finding) -> str:
    witness = finding.witness
    return "-" if witness.windows is None else f"{witness.windows:,} of {witness.of:,}"


def _below(finding: Finding) -> Iterator[str]:
    named = ", ".join(json.dumps(printable(name, _ID_LENGTH), ensure_ascii=False) for name in finding.witness.sequences)
    told = {"found": finding.figure, "in": named, "->": finding.remedy}
    if finding.verdict == "warn":
        told["is"] = "told, and let through"
    for mark, text in told.items():
        if text:
            yield textwrap.fill(text, _WIDTH, initial_indent=f"    {mark:<5} ", subsequent_indent=" " * 10)
