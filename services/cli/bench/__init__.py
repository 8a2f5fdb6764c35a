"""Benchmarks on a platform of their own: the durable servers and the services as they are, every outcome counted."""
