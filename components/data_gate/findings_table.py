"""Formats findings as a table for people."""

import json
import textwrap
from collections.abc import Iterator

from data.text import harmless, printable
from payloads.data_judgement import Finding

_WIDTH = 110
_ID_LENGTH = 60


def format_findings(findings: list[Finding]) -> str:
    """Return a table with a row for each finding, followed by what was found, in which sequences, and what to do.

    Findings that the policy passes are left out.
    """
    findings = [finding for finding in findings if finding.verdict != "pass"]
    rows: list[tuple[str, ...]] = [("split", "feature", "anomaly", "windows", "expected")]
    rows += [tuple(map(harmless, (f.split, f.feature, f.anomaly, _count(f), f.bound))) for f in findings]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    text = [lines[0]]
    for finding, line in zip(findings, lines[1:], strict=True):
        text += [line, *_details(finding)]
    return printable("\n".join(text))


def _count(finding: Finding) -> str:
    affected = finding.witness
    return "-" if affected.windows is None else f"{affected.windows:,} of {affected.of:,}"


def _details(finding: Finding) -> Iterator[str]:
    named = ", ".join(json.dumps(harmless(name, _ID_LENGTH), ensure_ascii=False) for name in finding.witness.sequences)
    details = {"found": finding.figure, "in": named, "->": finding.remedy}
    if finding.verdict == "warn":
        details["note"] = "only a warning, does not stop the run"
    for mark, text in details.items():
        if text:
            yield textwrap.fill(text, _WIDTH, initial_indent=f"    {mark:<5} ", subsequent_indent=" " * 10)
