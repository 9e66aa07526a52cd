"""What a dissection gives people: overlays, reports, the model card."""
