"""Makes the configuration and the schema of a new pipeline from a span of the user's own recordings."""
