"""Convert a user's own folder, in any layout that is known, to a devkit."""
