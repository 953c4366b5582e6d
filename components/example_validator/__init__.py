"""The component that compares statistics with the schema and with other statistics."""
