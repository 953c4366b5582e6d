"""Drawings of lineage: graphs, plots and the audit report."""
