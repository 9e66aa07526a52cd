"""The Interventions page in parts: the edits made so far, the picture to draw on, the wall, and the causal charts."""
