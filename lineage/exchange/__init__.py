"""Lineage in formats for other programs: OpenLineage, PROV, flat tables, SQL."""
