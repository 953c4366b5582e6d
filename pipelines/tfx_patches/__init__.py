"""Everything that changes TFX at run time."""
