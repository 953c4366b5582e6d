"""The component that calibrates the model for whole sessions."""
