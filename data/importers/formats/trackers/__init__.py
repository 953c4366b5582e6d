"""Formats of tools that track points or people in video: DeepLabCut, SLEAP, Ultralytics."""
