"""Whole sessions: which label stands for the background, and windows with the background as a label."""
