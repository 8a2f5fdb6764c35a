"""Commands of the common design."""
