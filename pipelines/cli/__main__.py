"""`python -m pipelines.cli`: the `poseline` command without its console script."""

from pipelines.cli.main import main

main()
