"""Coaching with a published bundle: recordings and live poses in, a timeline and a page out."""
