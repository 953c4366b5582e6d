"""The metadata store: connecting, reading, upgrading."""
