"""Check a folder of annotated images before training on it."""
