"""Annotated images: archives, devkits, a user's own folders, shards, stores."""
