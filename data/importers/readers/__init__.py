"""Readers with limits for the containers of formats: JSON, CSV tables, NPZ archives and pickles."""
