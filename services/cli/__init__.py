"""`sewa`, the command line."""
