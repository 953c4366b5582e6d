"""Bounded readers of the containers that formats use: JSON, tables, NPZ archives, pickles."""
