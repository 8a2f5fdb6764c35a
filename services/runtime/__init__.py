"""Plumbing that knows no service: how messages are read, settled in one transaction and published."""
