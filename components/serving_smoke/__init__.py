"""The gate that serves a model before anybody else does."""
