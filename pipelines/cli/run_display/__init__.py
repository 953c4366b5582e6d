"""What `poseline run` shows: its progress, its outcome, and why a model was rejected."""
