"""Training: networks, input pipeline, augmentation and export."""
