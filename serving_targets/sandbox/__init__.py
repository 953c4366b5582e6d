"""Runs models that may be broken in processes of their own, so that a crash or a hang becomes a result."""
