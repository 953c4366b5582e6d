"""A span on one page: what is in it, how sound it is, how it differs from another, and people to look at."""

from data.report.page import write_report

__all__ = ["write_report"]
