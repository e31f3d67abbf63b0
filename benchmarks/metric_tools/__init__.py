"""Average precision of the program's own detections by other packages."""
