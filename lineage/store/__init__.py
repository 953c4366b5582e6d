"""The metadata store: opening, reading, upgrading."""
