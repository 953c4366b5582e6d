"""Publishes blessed models."""
