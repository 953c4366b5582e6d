"""Commands for those who work on Poseline."""
