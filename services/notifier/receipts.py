"""What became of a letter, as a message for everybody: ids and codes only, and no name or address of anybody."""
