"""The component that converts a SavedModel to TFLite files for devices."""
