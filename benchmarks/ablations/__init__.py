"""What each part of the recipe is good for: the same small training with one part left out, several seeds each."""
