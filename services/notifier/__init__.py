"""Tells people: who gets which letter about a booking, once, by which channel, and what became of it."""
