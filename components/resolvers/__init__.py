"""Resolver strategies that find earlier models and statistics for a run to start from or compare with."""
