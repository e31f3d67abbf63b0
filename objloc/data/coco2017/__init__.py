"""Read COCO 2017 from its official archives."""
