"""Pascal VOC: archives, devkits, the drawn dataset, shards."""
