"""The payments service: takes what is due in cash, and decides what goes back."""
