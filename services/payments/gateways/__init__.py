"""Ways to take money and to give it back."""
