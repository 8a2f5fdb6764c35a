"""The expiry service: it says when a booking that nobody acts on has lapsed, and asks for its cancellation."""
