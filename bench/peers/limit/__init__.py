"""The physical limit: what two servers take from a program that does nothing else, without a framework."""
