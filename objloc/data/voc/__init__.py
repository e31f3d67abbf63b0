"""Read a devkit in Pascal VOC's layout: archives, annotations and image sets."""
