"""Converts a clip, as its file states it, to a canonical sequence: joints, people, units and time."""
