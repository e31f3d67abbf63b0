"""Read COCO's JSON files: the values of entries, one file, and several together."""
