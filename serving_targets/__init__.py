"""Published bundles: their manifest, their versions, and the runtime that reads them without TensorFlow."""
