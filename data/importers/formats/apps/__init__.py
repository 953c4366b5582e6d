"""Formats of apps that classify poses: ml5.js, Apple Vision."""
