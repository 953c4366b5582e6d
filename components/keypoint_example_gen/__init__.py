"""The component that cuts keypoint sequences into windows and writes them as tf.Examples."""
