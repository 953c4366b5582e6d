"""The HTML report on a span: its counts, its health, its distance from another span, and moving skeletons."""

from data.report.page import write_report

__all__ = ["write_report"]
