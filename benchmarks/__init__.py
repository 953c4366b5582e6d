"""Commands that measure Poseline: accuracy, speed, latency, robustness against malformed input."""
