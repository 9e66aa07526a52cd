"""A network that a visitor writes, one block per line: read, checked, counted, drawn and saved."""
