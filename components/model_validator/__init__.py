"""The gate before a device: judges the very file that is shipped."""
