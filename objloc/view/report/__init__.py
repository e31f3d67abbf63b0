"""The report of a run: its figures, pictures, page and text."""
