"""What is shipped: the bundle, its manifest and releases, and the runtime that reads it. No TensorFlow."""
