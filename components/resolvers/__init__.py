"""Resolver strategies that the graph uses: which earlier model or statistics a run is compared with."""
