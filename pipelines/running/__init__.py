"""Running of a plan: cache keys, launches, attempts, recovery and records."""
