"""The curated schemas (`*.pbtxt`) and the gate thresholds (`gates.yaml`), read without TensorFlow."""
