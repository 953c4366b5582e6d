"""TFX's Evaluator, whose figures can also be read without TFMA."""
