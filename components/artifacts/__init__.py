"""Artifact types that TFX does not have, and the files in their folders."""
