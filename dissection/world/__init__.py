"""Toy Town: procedural scenes with exact labels, and the rules that they follow."""
