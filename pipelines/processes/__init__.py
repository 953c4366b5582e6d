"""The child processes of a run, and what keeps heavy libraries out of the driver."""
