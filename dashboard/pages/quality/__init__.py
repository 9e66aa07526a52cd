"""The Quality page: one file a part, each with `draw(model, seed)`."""
