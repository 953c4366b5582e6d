"""SavedModel in, TFLite files for devices out."""
