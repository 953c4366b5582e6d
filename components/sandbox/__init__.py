"""Models that may be broken, run in processes of their own: a crash or a hang is an outcome."""
