"""Benchmarks that say where the time of a run goes."""
