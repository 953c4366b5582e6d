"""Preprocessing of keypoints, as TensorFlow graph operators that every shipped model contains."""
