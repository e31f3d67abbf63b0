"""The search explorer: searches as one page that a browser plays without a network."""
