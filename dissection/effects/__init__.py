"""What units cause: effects of switching them, search, attribution, context, artifacts."""
