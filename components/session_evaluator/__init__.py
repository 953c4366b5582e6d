"""The gate that judges the coach on sessions and recordings."""
