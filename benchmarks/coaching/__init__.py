"""The coach, measured on recorded people that it has not seen."""
