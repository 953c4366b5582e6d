"""The processes of a run: the driver without heavy libraries, and the child processes of its executors."""
