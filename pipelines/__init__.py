"""The pipeline: its configuration, its graph, the runners and the `poseline` command."""
