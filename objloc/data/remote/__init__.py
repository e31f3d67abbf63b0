"""Folders of shards or features by URL: their index is fetched at once, files when needed."""
