"""The `poseline lineage` commands and how answers are shown."""
