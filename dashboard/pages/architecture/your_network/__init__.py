"""A network that a visitor writes down, one block a line: read, checked, counted, drawn and saved."""
