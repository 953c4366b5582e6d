"""What Poseline is compared with: other pipelines for the same data."""
