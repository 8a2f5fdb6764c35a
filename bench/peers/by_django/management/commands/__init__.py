"""One booking at a time, and many at a time."""
