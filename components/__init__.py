"""The project's TFX components, each in a folder of its own, and what they share."""
