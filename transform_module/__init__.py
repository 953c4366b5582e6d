"""Preprocessing of keypoints: TensorFlow graph operators that are shipped inside every model."""
