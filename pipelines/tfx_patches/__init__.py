"""Everything that replaces or extends non-public parts of TFX, each with a contract test."""
