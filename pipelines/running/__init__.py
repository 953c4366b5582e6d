"""Runs a plan: cache keys, launches of nodes, attempts, recovery and records."""
