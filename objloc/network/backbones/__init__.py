"""Networks pretrained elsewhere."""
