"""The pipeline: configuration, graph, compilation, running, and the `poseline` command."""
