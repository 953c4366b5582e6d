"""Movements of one person: skeleton, angles, signal, and the repetitions in it."""
