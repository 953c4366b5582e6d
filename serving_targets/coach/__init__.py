"""The coach: recognises the movements of a session, counts repetitions, scores form and says what to correct.

It needs NumPy and the LiteRT interpreter alone, works on one pose after the other and in constant memory.
"""
