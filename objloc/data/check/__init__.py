"""A look at a folder of annotated images before anybody trains on it."""
