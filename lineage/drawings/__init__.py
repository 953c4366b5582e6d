"""Lineage drawn: graphs, pages, the audit report."""
