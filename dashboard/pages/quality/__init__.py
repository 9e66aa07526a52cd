"""The parts of the Quality page, one file each; every part has `draw(model, seed)`."""
