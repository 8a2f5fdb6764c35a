"""`sewa demo`: a few days at the bazaar in under two minutes, on the real platform."""
