"""The Latents page in pieces: key points, the walk and its player, direction sliders, the plane of seeds."""
