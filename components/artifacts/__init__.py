"""Artifact types that TFX does not have, and what lies in their folders."""
