"""The app: a local page where a dropped photograph is searched before one's eyes."""
