"""The categories that are drawn: a module for each, and the polygons they consist of."""
