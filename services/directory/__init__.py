"""Knows people and what they offer, and finds other slots for bookings that fell through."""
