"""The gate that serves every format of a model and compares the answers."""
