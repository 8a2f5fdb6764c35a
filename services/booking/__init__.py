"""Booking: owns bookings, and is the only writer of them."""
