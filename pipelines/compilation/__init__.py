"""From a configuration to a plan: the compiled graph with the settings it was made from."""
