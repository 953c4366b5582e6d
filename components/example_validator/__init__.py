"""Statistics held against the schema, and against other statistics."""
