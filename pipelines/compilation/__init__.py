"""Compilation of a configuration into a plan: the settings with the compiled graph."""
