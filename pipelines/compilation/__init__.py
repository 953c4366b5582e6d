"""Compiles a configuration into a plan, checks it, and fingerprints the code of its nodes."""
