"""The `poseline lineage` commands, and the display of answers in the terminal."""
