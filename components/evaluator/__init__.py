"""TFX's Evaluator with a record of its metrics that can be read without TFMA."""
